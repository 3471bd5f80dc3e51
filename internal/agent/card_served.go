package agent

import (
	"errors"
	"fmt"
	"slices"

	"ringfence.dev/ringfence/internal/strictjson"
)

// Served returns the card as the mesh serves it: every routed interface stands at its entrance below base, so
// that clients come through the mesh; interfaces that cannot be reached there are gone; signatures are gone,
// because they covered the agent's own URLs. Where only one generation of clients could read where the agent
// listens, the members that the other generation reads are added. All other members are kept verbatim and in order.
func (c Card) Served(base Base) ([]byte, error) {
	s, err := c.server(base)
	if err != nil {
		return nil, err
	}
	return s.serve(c.Raw, true)
}

// ServedExtended returns an extended card of the agent (A2A 1.0 section 3.1.11) as the mesh serves it. The routes
// are those of c, the card that is registered: an interface that c does not have is gone. No members are added,
// because the caller has chosen a generation by asking. It is an error when no interface is left, or when the
// card is one that could not be registered.
func (c Card) ServedExtended(extended []byte, base Base) ([]byte, error) {
	card, err := ParseCard(extended)
	if err != nil {
		return nil, fmt.Errorf("reading extended card: %w", err)
	}
	s, err := c.server(base)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(card.Interfaces, func(i Interface) bool { _, ok := s.url(i); return ok }) {
		return nil, errors.New("serving extended card: it has no interface of the registered card that can be reached")
	}
	return s.serve(card.Raw, false)
}

// cardServer rewrites one card.
type cardServer struct {
	base     Base
	suffixes map[Interface]string
	reader   cardReader // its problems are of no interest: the card was accepted before
}

func (c Card) server(base Base) (*cardServer, error) {
	if err := base.check(); err != nil {
		return nil, fmt.Errorf("serving card: %w", err)
	}
	s := &cardServer{base: base, suffixes: map[Interface]string{}}
	for _, entrance := range c.Entrances() {
		s.suffixes[entrance.Interface] = entrance.Suffix
	}
	return s, nil
}

func (s *cardServer) serve(raw []byte, complete bool) ([]byte, error) {
	document, err := strictjson.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("serving card: %w", err)
	}
	members := s.card(document)
	if complete {
		members = s.completed(members)
	}
	return strictjson.ObjectOf(members), nil
}

// url returns where the mesh offers an interface. A gRPC client has no path, so it reaches only what stands at the
// base itself.
func (s *cardServer) url(iface Interface) (strictjson.Value, bool) {
	suffix, routed := s.suffixes[iface]
	if iface.Binding == GRPC {
		return strictjson.Quote(s.base.GRPC), routed && suffix == "" && s.base.GRPC != ""
	}
	return strictjson.Quote(s.base.URL + suffix), routed
}

func (s *cardServer) card(document strictjson.Value) []strictjson.Member {
	known := s.reader.members("card", document, cardMembers)
	old := s.legacy(known)
	var out []strictjson.Member
	for _, member := range document.Members() {
		switch member.Name {
		case "signatures":
			continue
		case "supportedInterfaces":
			member.Value = s.supported(member.Value)
		case "url", "preferredTransport", "additionalInterfaces":
			if !old.present {
				break
			}
			out = append(out, old.members(member)...)
			continue
		}
		out = append(out, member)
	}
	return out
}

func (s *cardServer) supported(value strictjson.Value) strictjson.Value {
	if value.Kind() != strictjson.Array {
		return value
	}
	var kept []strictjson.Value
	for _, element := range value.Elements() {
		iface := s.reader.supportedInterface("", s.reader.members("", element, interfaceMembers))
		if url, routed := s.url(iface); routed {
			kept = append(kept, withURL(element, url))
		}
	}
	return strictjson.ArrayOf(kept)
}

// legacyShape is what becomes of the 0.3 members of a card.
type legacyShape struct {
	present    bool // the card has a main 0.3 interface
	url        strictjson.Value
	transport  strictjson.Value // set when another interface had to become the main one
	transports bool             // the card names its preferred transport
	additional []strictjson.Value
}

// legacy moves the 0.3 interfaces. Where the main one is not routed, the first routed one takes its place; where
// none is, all three members go.
func (s *cardServer) legacy(members map[string]strictjson.Value) legacyShape {
	main, _ := members["url"].Text()
	transport, transports := members["preferredTransport"].Text()
	version := s.reader.version("", members["protocolVersion"], legacyVersion)
	shape := legacyShape{present: main != "", transports: transports}
	if url, routed := s.url(Interface{URL: main, Binding: legacyBinding(transport), Version: version}); routed {
		shape.url = url
	}
	for _, element := range members["additionalInterfaces"].Elements() {
		iface := s.reader.additionalInterface("", s.reader.members("", element, additionalMembers), version)
		url, routed := s.url(iface)
		if !routed {
			continue
		}
		shape.additional = append(shape.additional, withURL(element, url))
		if shape.url == nil {
			shape.url, shape.transport = url, strictjson.Quote(string(iface.Binding))
		}
	}
	return shape
}

// members returns what stands in the served card for one 0.3 member of the card.
func (l legacyShape) members(member strictjson.Member) []strictjson.Member {
	if l.url == nil {
		return nil
	}
	switch member.Name {
	case "url":
		member.Value = l.url
		if l.transport != nil && !l.transports {
			return []strictjson.Member{member, {Name: "preferredTransport", Value: l.transport}}
		}
	case "preferredTransport":
		if l.transport != nil {
			if !l.transports {
				return nil // a null, whose value already stands after the url
			}
			member.Value = l.transport
		}
	case "additionalInterfaces":
		if member.Value.Kind() == strictjson.Array {
			member.Value = strictjson.ArrayOf(l.additional)
		}
	}
	return []strictjson.Member{member}
}

func withURL(element, url strictjson.Value) strictjson.Value {
	members := element.Members()
	for i := range members {
		if members[i].Name == "url" {
			members[i].Value = url
		}
	}
	return strictjson.ObjectOf(members)
}
