package agent

import (
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/strictjson"
)

// schemeKinds are the types that 0.3 gives security schemes, with the members that hold them in 1.0.
var schemeKinds = []struct{ name, wrapper string }{
	{"apiKey", "apiKeySecurityScheme"},
	{"http", "httpAuthSecurityScheme"},
	{"oauth2", "oauth2SecurityScheme"},
	{"openIdConnect", "openIdConnectSecurityScheme"},
	{"mutualTLS", "mtlsSecurityScheme"},
}

// flowPreference orders OAuth flows by what they protect: 1.0 allows one where 0.3 allows several.
var flowPreference = []string{"authorizationCode", "clientCredentials", "deviceCode", "implicit", "password"}

// completed adds the shape that is missing to a rewritten card. The SDKs decide by supportedInterfaces alone: where
// it is filled they read the 1.0 shape, whose readers refuse schemes without a wrapper, and only clients of 0.3 look
// at url. A card of both shapes is left as it is.
func (s *cardServer) completed(members []strictjson.Member) []strictjson.Member {
	supported := get(members, "supportedInterfaces").Elements()
	url, _ := get(members, "url").Text()
	switch {
	case len(supported) > 0 && url == "":
		return s.withLegacy(members, supported)
	case len(supported) == 0 && url != "":
		return s.withSupported(members)
	}
	return members
}

// withLegacy adds the 0.3 shape of the interfaces that speak it (A2A 0.3 section 5.5). The shape has no tenants: an
// interface with one cannot be offered in it.
func (s *cardServer) withLegacy(members []strictjson.Member, supported []strictjson.Value) []strictjson.Member {
	var main Interface
	var additional []strictjson.Value
	for _, element := range supported {
		iface := s.reader.supportedInterface("", s.reader.members("", element, interfaceMembers))
		switch {
		case !strings.HasPrefix(iface.Version, "0.") || iface.Tenant != "" || iface.Version != main.Version && main.Version != "":
		case main.URL == "":
			main = iface
		default:
			additional = append(additional, strictjson.ObjectOf([]strictjson.Member{
				{Name: "url", Value: strictjson.Quote(iface.URL)}, {Name: "transport", Value: strictjson.Quote(string(iface.Binding))},
			}))
		}
	}
	if main.URL == "" {
		return members
	}
	members = set(members, "protocolVersion", strictjson.Quote(main.Version))
	members = set(members, "url", strictjson.Quote(main.URL))
	members = set(members, "preferredTransport", strictjson.Quote(string(main.Binding)))
	if len(additional) > 0 {
		members = set(members, "additionalInterfaces", strictjson.ArrayOf(additional))
	}
	if extended := get(get(members, "capabilities").Members(), "extendedAgentCard"); extended.Kind() == strictjson.True {
		members = add(members, "supportsAuthenticatedExtendedCard", extended)
	}
	return withSchemes(withLegacySecurity(members), typedScheme)
}

// withSupported adds the 1.0 shape of the interfaces of a 0.3 card, each with the version that the card has. What the
// card requires of callers stays as 0.3 says it: the SDK for Python reads that, and the one for Go up to 2.4 refuses
// cards whose requirements have the form that 1.0 defines.
func (s *cardServer) withSupported(members []strictjson.Member) []strictjson.Member {
	known := s.reader.members("", strictjson.ObjectOf(members), cardMembers)
	version := s.reader.version("", known["protocolVersion"], legacyVersion)
	main, _ := known["url"].Text()
	transport, _ := known["preferredTransport"].Text()
	list := []Interface{{URL: main, Binding: legacyBinding(transport), Version: version}}
	for _, element := range known["additionalInterfaces"].Elements() {
		iface := s.reader.additionalInterface("", s.reader.members("", element, additionalMembers), version)
		if !slices.Contains(list, iface) {
			list = append(list, iface)
		}
	}
	var supported []strictjson.Value
	for _, iface := range list {
		supported = append(supported, strictjson.ObjectOf([]strictjson.Member{
			{Name: "url", Value: strictjson.Quote(iface.URL)},
			{Name: "protocolBinding", Value: strictjson.Quote(string(iface.Binding))},
			{Name: "protocolVersion", Value: strictjson.Quote(iface.Version)},
		}))
	}
	members = set(members, "supportedInterfaces", strictjson.ArrayOf(supported))
	if extended := get(members, "supportsAuthenticatedExtendedCard"); extended.Kind() == strictjson.True {
		if capabilities := get(members, "capabilities"); capabilities == nil || capabilities.Kind() == strictjson.Object {
			members = set(members, "capabilities", strictjson.ObjectOf(add(capabilities.Members(), "extendedAgentCard", extended)))
		}
	}
	return withSchemes(members, wrappedScheme)
}

// withLegacySecurity says as 0.3 does what the card and its skills require of callers.
func withLegacySecurity(members []strictjson.Member) []strictjson.Member {
	translate := func(members []strictjson.Member) []strictjson.Member {
		if given := get(members, "securityRequirements"); given.Kind() == strictjson.Array {
			return add(members, "security", each(given, legacyRequirement))
		}
		return members
	}
	members = translate(members)
	if skills := get(members, "skills"); skills.Kind() == strictjson.Array {
		members = set(members, "skills", each(skills, func(skill strictjson.Value) strictjson.Value {
			if get(skill.Members(), "securityRequirements") == nil {
				return skill
			}
			return strictjson.ObjectOf(translate(skill.Members()))
		}))
	}
	return members
}

// withSchemes changes each security scheme of the card.
func withSchemes(members []strictjson.Member, change func(strictjson.Value) strictjson.Value) []strictjson.Member {
	schemes := get(members, "securitySchemes")
	if schemes.Kind() != strictjson.Object {
		return members
	}
	named := schemes.Members()
	for i := range named {
		named[i].Value = change(named[i].Value)
	}
	return set(members, "securitySchemes", strictjson.ObjectOf(named))
}

// legacyRequirement turns {"schemes":{"name":{"list":[…]}}} into {"name":[…]}.
func legacyRequirement(requirement strictjson.Value) strictjson.Value {
	named := get(requirement.Members(), "schemes").Members()
	for i := range named {
		named[i].Value = strictjson.ArrayOf(get(named[i].Value.Members(), "list").Elements())
	}
	return strictjson.ObjectOf(named)
}

// typedScheme adds to a scheme of 1.0 what 0.3 reads: its type, and the members of the wrapper beside it.
func typedScheme(scheme strictjson.Value) strictjson.Value {
	members := scheme.Members()
	for _, kind := range schemeKinds {
		inner := get(members, kind.wrapper)
		if inner.Kind() != strictjson.Object || get(members, "type") != nil {
			continue
		}
		members = set(members, "type", strictjson.Quote(kind.name))
		for _, member := range inner.Members() {
			if kind.name == "apiKey" && member.Name == "location" {
				member.Name = "in"
			}
			members = add(members, member.Name, member.Value)
		}
		return strictjson.ObjectOf(members)
	}
	return scheme
}

// wrappedScheme adds to a scheme of 0.3 the wrapper that 1.0 reads.
func wrappedScheme(scheme strictjson.Value) strictjson.Value {
	members := scheme.Members()
	name, _ := get(members, "type").Text()
	i := slices.IndexFunc(schemeKinds, func(kind struct{ name, wrapper string }) bool { return kind.name == name })
	if i < 0 || get(members, schemeKinds[i].wrapper) != nil {
		return scheme
	}
	var inner []strictjson.Member
	for _, member := range members {
		switch {
		case member.Name == "type":
			continue
		case name == "apiKey" && member.Name == "in":
			member.Name = "location"
		case name == "oauth2" && member.Name == "flows":
			member.Value = oneFlow(member.Value)
		}
		inner = add(inner, member.Name, member.Value)
	}
	return strictjson.ObjectOf(set(members, schemeKinds[i].wrapper, strictjson.ObjectOf(inner)))
}

func oneFlow(flows strictjson.Value) strictjson.Value {
	members := flows.Members()
	for _, name := range flowPreference {
		if flow := get(members, name); flow != nil {
			return strictjson.ObjectOf([]strictjson.Member{{Name: name, Value: flow}})
		}
	}
	return flows
}

// get returns the value of the member, or nil. A null counts as absent.
func get(members []strictjson.Member, name string) strictjson.Value {
	i := slices.IndexFunc(members, func(m strictjson.Member) bool { return m.Name == name })
	if i < 0 || members[i].Value.Kind() == strictjson.Null {
		return nil
	}
	return members[i].Value
}

// set gives the member the value, in its place or at the end.
func set(members []strictjson.Member, name string, value strictjson.Value) []strictjson.Member {
	i := slices.IndexFunc(members, func(m strictjson.Member) bool { return m.Name == name })
	if i < 0 {
		return append(members, strictjson.Member{Name: name, Value: value})
	}
	members[i].Value = value
	return members
}

// add gives the member the value unless it has one.
func add(members []strictjson.Member, name string, value strictjson.Value) []strictjson.Member {
	if get(members, name) != nil {
		return members
	}
	return set(members, name, value)
}

func each(list strictjson.Value, change func(strictjson.Value) strictjson.Value) strictjson.Value {
	elements := list.Elements()
	for i := range elements {
		elements[i] = change(elements[i])
	}
	return strictjson.ArrayOf(elements)
}
