// Package envoyhttp translates what Envoy's two filters share: header maps and metadata, to and from plain
// values. It is the only internal package that sees Envoy's protos.
package envoyhttp

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence.dev/ringfence/internal/envoywire"
	"ringfence.dev/ringfence/internal/identity"
)

// MetadataNamespace is where Envoy puts ext_authz's dynamic metadata, whatever the filter is called.
const MetadataNamespace = envoywire.MetadataNamespace

// ResponseSource returns where an answer comes from, as Envoy's attribute response.code_details says. It is empty where
// the filter does not ask for the attribute.
func ResponseSource(attributes map[string]*structpb.Struct) string {
	return attributes[envoywire.AttributesKey].GetFields()[envoywire.SourceAttribute].GetStringValue()
}

// Header returns the fields of an Envoy header map in order, without pseudo-headers, which are returned by themselves.
// RawValue counts before Value: only it is exact.
func Header(headers []*corev3.HeaderValue) (header identity.Header, pseudo envoywire.Pseudo) {
	header = make(identity.Header, 0, len(headers))
	for _, h := range headers {
		value := h.GetValue()
		if raw := h.GetRawValue(); len(raw) > 0 {
			value = string(raw)
		}
		if name, ok := strings.CutPrefix(h.GetKey(), ":"); ok {
			pseudo.Set(name, value)
			continue
		}
		header = append(header, identity.Field{Name: strings.ToLower(h.GetKey()), Value: value})
	}
	return header, pseudo
}

// Options returns headers as ext_authz sets them on an answer: each replaces what was there. It reads Value alone
// and would set a RawValue as an empty field.
func Options(headers [][2]string) []*corev3.HeaderValueOption {
	return options(headers, func(h [2]string) *corev3.HeaderValue {
		return &corev3.HeaderValue{Key: h[0], Value: h[1]}
	})
}

// RawOptions returns the same for ext_proc, which reads RawValue.
func RawOptions(headers [][2]string) []*corev3.HeaderValueOption {
	return options(headers, func(h [2]string) *corev3.HeaderValue {
		return &corev3.HeaderValue{Key: h[0], RawValue: []byte(h[1])}
	})
}

func options(headers [][2]string, field func([2]string) *corev3.HeaderValue) []*corev3.HeaderValueOption {
	set := make([]*corev3.HeaderValueOption, 0, len(headers))
	for _, h := range headers {
		set = append(set, &corev3.HeaderValueOption{
			Header:       field(h),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return set
}

// Passage returns the dynamic metadata that carries a passage from ext_authz to ext_proc.
func Passage(text string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		envoywire.PassageKey: structpb.NewStringValue(strings.ToValidUTF8(text, "\uFFFD")),
	}}
}

// PassageText reads what Passage wrote from the metadata of a processing request; empty when there is none.
func PassageText(metadata *corev3.Metadata) string {
	return metadata.GetFilterMetadata()[MetadataNamespace].GetFields()[envoywire.PassageKey].GetStringValue()
}
