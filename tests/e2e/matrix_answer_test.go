package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	_ "github.com/a2aproject/a2a-go/v2/a2agrpc/v0" // registers the messages of a2a.v1
	_ "github.com/a2aproject/a2a-go/v2/a2agrpc/v1" // and of lf.a2a.v1
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// answer is what came back over a wire, in a form that can be compared byte for byte. What every hop sets for
// itself (Date, Content-Length of streams, Envoy's own fields) and the decision id are left out.
type answer struct {
	Status   string
	Header   map[string]string
	Messages []string // the body, or the events or messages of a stream, as they came
	Trailer  map[string]string
}

// ownFields are those that a proxy sets for its own hop, or the mesh for its own.
var ownFields = []string{
	"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "trailer", "vary",
	"x-envoy-upstream-service-time", "ringfence-decision",
}

func fields(from map[string][]string) map[string]string {
	kept := map[string]string{}
	for name, values := range from {
		if name = strings.ToLower(name); !slices.Contains(ownFields, name) {
			kept[name] = strings.Join(values, ", ")
		}
	}
	return kept
}

// refuses reports whether the answer is an error of any binding.
func (a answer) refuses() bool {
	return !strings.HasPrefix(a.Status, "2") && !strings.HasPrefix(a.Status, "OK") ||
		len(a.Messages) == 1 && strings.Contains(a.Messages[0], `"error":{`)
}

// errorTime is the time that the SDK writes into errors: the one thing in answers that the agent cannot fix.
var errorTime = regexp.MustCompile(`("timestamp":)"[^"]*"`)

// timeless returns a body or an event without that time.
func timeless(text string) string {
	if !strings.Contains(text, `"error":{`) {
		return text
	}
	return errorTime.ReplaceAllString(text, `$1""`)
}

// peer is an agent as a client reaches it, through the mesh or not.
type peer struct {
	base   string
	direct bool
	http   *http.Client
	grpc   *grpc.ClientConn
	// urls are the interfaces of its card.
	urls map[wire]string
	card string
}

// call sends one request and returns all of the answer. Each event or message of it is told as it comes.
func (p *peer) call(ctx context.Context, w wire, r request, came func()) (answer, error) {
	at, offered := p.urls[w]
	if !offered {
		return answer{}, fmt.Errorf("the card offers no %s interface", w)
	}
	if w.binding == "GRPC" {
		return p.callGRPC(ctx, r, came)
	}
	return p.callHTTP(ctx, w, at, r, came)
}

func (p *peer) callHTTP(ctx context.Context, w wire, at string, r request, came func()) (answer, error) {
	method, body := r.method, r.body
	if w.binding == "JSONRPC" {
		method, body = http.MethodPost, fmt.Sprintf(`{"jsonrpc":"2.0","id":"call-1","method":%q,"params":%s}`, r.method, r.body)
	}
	if r.raw != "" {
		body = r.raw
	}
	sent, err := http.NewRequestWithContext(ctx, method, at+r.path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		sent.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		sent.Header.Set(name, value)
	}
	response, err := p.http.Do(sent)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{Status: response.Status, Header: fields(response.Header)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		a.Messages, err = events(response.Body, came)
	} else {
		var whole []byte
		whole, err = io.ReadAll(response.Body)
		a.Messages = []string{timeless(string(whole))}
	}
	a.Trailer = fields(response.Trailer)
	return a, err
}

// events reads a stream to its end. The ids of events are random.
func events(stream io.Reader, came func()) ([]string, error) {
	var read []string
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "id:") {
			read = append(read, timeless(line))
		}
		if lines.Text() == "" {
			came()
		}
	}
	return read, lines.Err()
}

// bytesCodec passes messages as they are on the wire.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = slices.Clone(data); return nil }
func (bytesCodec) Name() string                       { return "proto" }

var _ encoding.Codec = bytesCodec{}

func (p *peer) callGRPC(ctx context.Context, r request, came func()) (answer, error) {
	in, err := encodeProto(r)
	if err != nil {
		return answer{}, err
	}
	for name, value := range r.header {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(name), value)
	}
	var a answer
	// A unary call is a stream with one message: this way both are read alike.
	stream, err := p.grpc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, r.method, grpc.ForceCodec(bytesCodec{}))
	if err == nil {
		if err = stream.SendMsg(&in); err == nil {
			err = stream.CloseSend()
		}
		for err == nil {
			var message []byte
			if err = stream.RecvMsg(&message); err == nil {
				a.Messages = append(a.Messages, string(message))
				came()
			}
		}
		header, _ := stream.Header()
		a.Header, a.Trailer = fields(header), fields(stream.Trailer())
	}
	if err == io.EOF {
		err = nil
	}
	s, _ := status.FromError(err)
	a.Status = fmt.Sprintf("%s %q", s.Code(), s.Message())
	delete(a.Trailer, "grpc-status-details-bin")
	for _, detail := range s.Proto().GetDetails() {
		a.Trailer["detail "+detail.GetTypeUrl()] = string(detail.GetValue())
	}
	return a, nil
}

// encodeProto writes a request as the message that its method takes.
func encodeProto(r request) ([]byte, error) {
	if r.raw != "" {
		return []byte(r.raw), nil
	}
	method, err := methodOf(r.method)
	if err != nil {
		return nil, nil // a method that nobody has takes an empty message
	}
	message, err := newMessage(method.Input())
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal([]byte(r.body), message); err != nil {
		return nil, fmt.Errorf("%s: %w", r.method, err)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(message)
}

func methodOf(path string) (protoreflect.MethodDescriptor, error) {
	service, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	method := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
	if method == nil {
		return nil, fmt.Errorf("%s has no method %s", service, name)
	}
	return method, nil
}

func newMessage(d protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

// readable returns the answer with protobuf written as JSON, for people and for cards.
func (a answer) readable(w wire, method string) answer {
	if w.binding != "GRPC" {
		return a
	}
	d, err := methodOf(method)
	if err != nil {
		return a
	}
	shown := a
	shown.Messages = nil
	for _, raw := range a.Messages {
		message, err := newMessage(d.Output())
		if err == nil {
			err = proto.Unmarshal([]byte(raw), message)
		}
		if err != nil {
			shown.Messages = append(shown.Messages, fmt.Sprintf("%q", raw))
			continue
		}
		text, _ := protojson.Marshal(message)
		shown.Messages = append(shown.Messages, string(text))
	}
	return shown
}

// cardMeaning returns a card, alone or in the answer to a call, as a value whose addresses are replaced: the mesh
// gives its own, and none that leads past it. Signatures are left out: they cover the addresses.
func (p *peer) cardMeaning(text string) (any, error) {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, err
	}
	var addresses []string
	value = withoutAddresses(value, &addresses)
	for _, address := range addresses {
		if !p.direct && address != p.base && !strings.HasPrefix(address, p.base+"/") && "http://"+address != p.base {
			return nil, fmt.Errorf("the card leads past the mesh, to %s", address)
		}
	}
	return value, nil
}

func withoutAddresses(value any, addresses *[]string) any {
	switch v := value.(type) {
	case map[string]any:
		delete(v, "signatures")
		address, _ := v["url"].(string)
		if _, provider := v["organization"]; address != "" && !provider {
			*addresses = append(*addresses, address)
			v["url"] = "an address"
		}
		for name := range v {
			v[name] = withoutAddresses(v[name], addresses)
		}
	case []any:
		for i := range v {
			v[i] = withoutAddresses(v[i], addresses)
		}
	}
	return value
}
