package xds

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"ringfence.dev/ringfence/internal/agent"
)

// item is a resource as it goes out: encoded, with a hash of its content.
type item struct {
	*form
	name, version string
	// own is what the form does not have.
	own []byte
}

// form is what resources of a type have in common.
type form struct {
	typeURL string
	// rest ends each of them: parts of an encoded message that follow each other are one message.
	rest []byte
	// example is what the part before it is compressed with; nil leaves that as it is.
	example *s2.Dict
}

// item validates and encodes a resource, of which m is all but the rest.
func (f *form) item(m named) (*item, error) {
	if err := m.ValidateAll(); err != nil {
		return nil, err
	}
	own, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	digest := sha256.New()
	digest.Write(own)
	digest.Write(f.rest)
	version := base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:12])
	if f.example != nil {
		own = bytes.Clone(f.example.Encode(nil, own))
	}
	return &item{form: f, name: m.GetName(), version: version, own: own}, nil
}

// packed returns the resource.
func (i *item) packed() (*anypb.Any, error) {
	if i.example == nil {
		return &anypb.Any{TypeUrl: i.typeURL, Value: slices.Concat(i.own, i.rest)}, nil
	}
	length, err := s2.DecodedLen(i.own)
	if err != nil {
		return nil, fmt.Errorf("unpacking %s %s: %w", kinds[i.typeURL], i.name, err)
	}
	value, err := i.example.Decode(make([]byte, 0, length+len(i.rest)), i.own)
	if err != nil {
		return nil, fmt.Errorf("unpacking %s %s: %w", kinds[i.typeURL], i.name, err)
	}
	return &anypb.Any{TypeUrl: i.typeURL, Value: append(value, i.rest...)}, nil
}

// named is what every generated Envoy resource offers.
type named interface {
	proto.Message
	GetName() string
	ValidateAll() error
}

// compact has the resources of agents compressed from here on, with those of an example that has a bit of all that agents
// may have. Of other agents they are mostly the same but for names and addresses.
func (b *builder) compact() error {
	record := &agent.Record{Name: "example", Card: agent.Card{Interfaces: []agent.Interface{
		{URL: "http://127.0.0.1:8080/rpc", Binding: agent.JSONRPC, Version: "1.0"},
		{URL: "http://example.com/rest", Binding: agent.HTTPJSON, Version: "1.0"},
		{URL: "http://example.com:8443", Binding: agent.GRPC, Version: "1.0"},
	}}}
	if b.settings.CABundle != "" {
		record.Card.Interfaces[1].URL = "https://example.com/rest"
	}
	alone := *b
	alone.settings.PublicHosts, alone.settings.RootAgent = nil, "" // whatever they are, the name is free
	s := &share{record: record}
	if err := alone.fill(s); err != nil {
		return fmt.Errorf("building an example: %w", err)
	}
	var all []byte
	for _, i := range s.items {
		all = append(all, i.own...)
	}
	example := s2.MakeDict(all, nil)
	compacted := map[string]*form{}
	for typeURL, f := range b.forms {
		compacted[typeURL] = &form{typeURL: typeURL, rest: f.rest, example: example}
	}
	b.forms = compacted
	return nil
}
