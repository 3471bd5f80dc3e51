package xds

import (
	"maps"
	"slices"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Fields below which agents' parts are spliced into an encoded table. The path leads from a virtual host to the
// entries of the prefix tree.
var (
	fieldVirtualHosts = number(&routev3.RouteConfiguration{}, "virtual_hosts")
	pathToTree        = []protowire.Number{
		number(&routev3.VirtualHost{}, "matcher"),
		number(&xdsmatcherv3.Matcher{}, "on_no_match"),
		number(&xdsmatcherv3.Matcher_OnMatch{}, "matcher"),
		number(&xdsmatcherv3.Matcher{}, "matcher_tree"),
	}
	fieldPrefixMatchMap = number(&xdsmatcherv3.Matcher_MatcherTree{}, "prefix_match_map")
	fieldMap            = number(&xdsmatcherv3.Matcher_MatcherTree_MatchMap{}, "map")
)

func number(m proto.Message, field protoreflect.Name) protowire.Number {
	return m.ProtoReflect().Descriptor().Fields().ByName(field).Number()
}

// encoder encodes route tables from parts encoded before, so that publishing one change does not encode every
// agent again.
type encoder struct {
	// rest is the table without virtual hosts, gateway the gateway's virtual host without a tree, tree a prefix
	// tree without entries, shared the entries that every tree has.
	rest, gateway, tree, shared []byte
}

func newEncoder(table *routev3.RouteConfiguration, shared map[string]*xdsmatcherv3.Matcher_OnMatch) (encoder, error) {
	var e encoder
	var err error
	gateway := proto.CloneOf(table.GetVirtualHosts()[0])
	gateway.GetMatcher().OnNoMatch = nil
	if e.gateway, err = marshal(gateway); err != nil {
		return encoder{}, err
	}
	rest := proto.CloneOf(table)
	rest.Name, rest.VirtualHosts = "", nil
	if e.rest, err = marshal(rest); err != nil {
		return encoder{}, err
	}
	if e.shared, err = encodeTree(shared); err != nil {
		return encoder{}, err
	}
	e.tree, err = marshal(&xdsmatcherv3.Matcher_MatcherTree{Input: pathInput()})
	return e, err
}

// encode returns a message that Envoy reads as the table of the shares, and its version. Go sees none of its
// fields: it takes the content for unknown ones, but for the name.
func (e encoder) encode(shares []*share) (*routev3.RouteConfiguration, string) {
	hosts, entries := 0, len(e.shared)
	for _, s := range shares {
		hosts += field(len(s.encodedHost), fieldVirtualHosts)
		entries += len(s.encodedTree)
	}
	// A message field that occurs twice on the wire is merged, so that the tree can follow the virtual host and
	// the matcher it belongs to.
	tree := len(e.tree) + field(entries, fieldPrefixMatchMap)
	sizes := []int{tree}
	for _, n := range slices.Backward(pathToTree) {
		sizes = append(sizes, field(sizes[len(sizes)-1], n))
	}
	slices.Reverse(sizes)
	gateway := len(e.gateway) + sizes[0]
	content := make([]byte, 0, len(e.rest)+field(gateway, fieldVirtualHosts)+hosts)
	content = append(content, e.rest...)
	content = header(content, gateway, fieldVirtualHosts)
	content = append(content, e.gateway...)
	for i, n := range pathToTree {
		content = header(content, sizes[i+1], n)
	}
	content = append(content, e.tree...)
	content = header(content, entries, fieldPrefixMatchMap)
	content = append(content, e.shared...)
	for _, s := range shares {
		content = append(content, s.encodedTree...)
	}
	for _, s := range shares {
		content = append(header(content, len(s.encodedHost), fieldVirtualHosts), s.encodedHost...)
	}
	m := &routev3.RouteConfiguration{Name: Gateway}
	m.ProtoReflect().SetUnknown(content)
	v, err := version(m)
	if err != nil {
		return nil, "" // encoding checks only UTF-8, of Gateway
	}
	return m, v
}

// field is the size of a message of n bytes as a field, header the bytes that precede it.
func field(n int, number protowire.Number) int {
	return protowire.SizeTag(number) + protowire.SizeBytes(n)
}

func header(b []byte, n int, number protowire.Number) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(n))
}

// encodeTree encodes entries of a prefix tree as fields of its map, by key.
func encodeTree(tree map[string]*xdsmatcherv3.Matcher_OnMatch) ([]byte, error) {
	var out []byte
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		value, err := marshal(tree[key])
		if err != nil {
			return nil, err
		}
		entry := mapEntry(key, value)
		out = append(header(out, len(entry), fieldMap), entry...)
	}
	return out, nil
}

// mapEntry encodes an entry of a map from strings to messages.
func mapEntry(key string, value []byte) []byte {
	entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
	return protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), value)
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
