package cards

import (
	"slices"

	"ringfence.dev/ringfence/internal/strictjson"
)

// message is what the presence rules of A2A 1.0 section 8.4.1 need to know of one message of the protocol.
type message struct {
	// plain are the members that the protocol neither requires nor gives explicit presence: they are left out
	// where they have their default. Every other member stands, unknown ones too: what is not known cannot be
	// called a default.
	plain []string
	// other are the further members that the protocol knows and that hold no messages.
	other []string
	// single, repeated and mapped are the members that hold one, a list and a map of further messages.
	single, repeated, mapped map[string]*message
}

// The messages of an AgentCard in a2a.proto 1.0.
var (
	cardMessage = &message{
		plain: []string{"securitySchemes", "securityRequirements"},
		other: []string{"name", "description", "version", "documentationUrl", "defaultInputModes", "defaultOutputModes", "iconUrl"},
		single: map[string]*message{
			"provider": {other: []string{"url", "organization"}}, "capabilities": capabilitiesMessage,
		},
		repeated: map[string]*message{
			"supportedInterfaces":  {plain: []string{"tenant"}, other: []string{"url", "protocolBinding", "protocolVersion"}},
			"securityRequirements": requirementMessage, "skills": skillMessage,
		},
		mapped: map[string]*message{"securitySchemes": schemeMessage},
	}
	capabilitiesMessage = &message{
		plain:    []string{"extensions"},
		other:    []string{"streaming", "pushNotifications", "extendedAgentCard"},
		repeated: map[string]*message{"extensions": {plain: []string{"uri", "description", "required"}, other: []string{"params"}}},
	}
	skillMessage = &message{
		plain:    []string{"examples", "inputModes", "outputModes", "securityRequirements"},
		other:    []string{"id", "name", "description", "tags"},
		repeated: map[string]*message{"securityRequirements": requirementMessage},
	}
	requirementMessage = &message{
		plain:  []string{"schemes"},
		mapped: map[string]*message{"schemes": {plain: []string{"list"}}},
	}
	schemeMessage = &message{single: map[string]*message{
		"apiKeySecurityScheme":        {plain: []string{"description"}, other: []string{"location", "name"}},
		"httpAuthSecurityScheme":      {plain: []string{"description", "bearerFormat"}, other: []string{"scheme"}},
		"oauth2SecurityScheme":        {plain: []string{"description", "oauth2MetadataUrl"}, single: map[string]*message{"flows": flowsMessage}},
		"openIdConnectSecurityScheme": {plain: []string{"description"}, other: []string{"openIdConnectUrl"}},
		"mtlsSecurityScheme":          {plain: []string{"description"}},
	}}
	flowsMessage = &message{single: map[string]*message{
		"authorizationCode": {plain: []string{"refreshUrl", "pkceRequired"}, other: []string{"authorizationUrl", "tokenUrl", "scopes"}},
		"clientCredentials": {plain: []string{"refreshUrl"}, other: []string{"tokenUrl", "scopes"}},
		"deviceCode":        {plain: []string{"refreshUrl"}, other: []string{"deviceAuthorizationUrl", "tokenUrl", "scopes"}},
		"implicit":          {plain: []string{"authorizationUrl", "refreshUrl", "scopes"}},
		"password":          {plain: []string{"tokenUrl", "refreshUrl", "scopes"}},
	}}
)

// knows reports whether the protocol has the member.
func (m *message) knows(name string) bool {
	return slices.Contains(m.plain, name) || slices.Contains(m.other, name) ||
		m.single[name] != nil || m.repeated[name] != nil || m.mapped[name] != nil
}

// present returns the value of a message without the members that the presence rules leave out. A null member is
// an absent one, as in ProtoJSON.
func (m *message) present(value strictjson.Value) strictjson.Value { return m.filter(value, false) }

// projected returns what present does without the members that the protocol does not know.
func (m *message) projected(value strictjson.Value) strictjson.Value { return m.filter(value, true) }

func (m *message) filter(value strictjson.Value, known bool) strictjson.Value {
	if value.Kind() != strictjson.Object {
		return value
	}
	var kept []strictjson.Member
	for _, member := range value.Members() {
		if member.Value.Kind() == strictjson.Null || isDefault(member.Value) && slices.Contains(m.plain, member.Name) ||
			known && !m.knows(member.Name) {
			continue
		}
		if inner := m.single[member.Name]; inner != nil {
			member.Value = inner.filter(member.Value, known)
		}
		if inner := m.repeated[member.Name]; inner != nil && member.Value.Kind() == strictjson.Array {
			elements := member.Value.Elements()
			for i := range elements {
				elements[i] = inner.filter(elements[i], known)
			}
			member.Value = strictjson.ArrayOf(elements)
		}
		if inner := m.mapped[member.Name]; inner != nil && member.Value.Kind() == strictjson.Object {
			entries := member.Value.Members()
			for i := range entries {
				entries[i].Value = inner.filter(entries[i].Value, known)
			}
			member.Value = strictjson.ObjectOf(entries)
		}
		kept = append(kept, member)
	}
	return strictjson.ObjectOf(kept)
}

// isDefault reports whether a value is the default of a member that is no message: "", false, [] or {}.
func isDefault(value strictjson.Value) bool {
	switch value.Kind() {
	case strictjson.False:
		return true
	case strictjson.String:
		return len(value) == len(`""`)
	}
	return empty(value)
}

func empty(value strictjson.Value) bool {
	switch value.Kind() {
	case strictjson.Array:
		return len(value.Elements()) == 0
	case strictjson.Object:
		return len(value.Members()) == 0
	}
	return false
}

// stripped returns the value without empty strings, lists and objects, nor what becomes empty without them, at any
// depth. Nothing is left of a value that is empty itself.
func stripped(value strictjson.Value) (strictjson.Value, bool) {
	switch value.Kind() {
	case strictjson.Object:
		var kept []strictjson.Member
		for _, member := range value.Members() {
			if inner, ok := stripped(member.Value); ok {
				kept = append(kept, strictjson.Member{Name: member.Name, Value: inner})
			}
		}
		return strictjson.ObjectOf(kept), len(kept) > 0
	case strictjson.Array:
		var kept []strictjson.Value
		for _, element := range value.Elements() {
			if inner, ok := stripped(element); ok {
				kept = append(kept, inner)
			}
		}
		return strictjson.ArrayOf(kept), len(kept) > 0
	case strictjson.Null:
		return nil, false
	case strictjson.String:
		return value, len(value) > len(`""`)
	}
	return value, true
}
