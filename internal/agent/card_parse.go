package agent

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringfence.dev/ringfence/internal/strictjson"
)

// maxInterfaces bounds the interfaces of one card: each one becomes routes in every proxy of the mesh.
const maxInterfaces = 32

// Members the mesh acts on, by the object they stand in.
var (
	cardMembers = []string{
		"name", "description", "version", "protocolVersion", "supportedInterfaces", "url", "preferredTransport",
		"additionalInterfaces", "capabilities", "skills", "signatures",
	}
	interfaceMembers  = []string{"url", "protocolBinding", "protocolVersion", "tenant"}
	additionalMembers = []string{"url", "transport"}
	capabilityMembers = []string{"streaming"}
	skillMembers      = []string{"id", "name", "description", "tags"}
)

// ParseCard reads an AgentCard of A2A 1.0, of 0.3, or of both shapes at once. The JSON is read strictly
// (no duplicate members, no trailing data, at most MaxCardBytes), members the mesh does not know are kept, and
// members it does know must be spelled exactly: clients that fold case must not find another card. The error
// joins one FieldError for each problem; paths begin with card.
func ParseCard(raw []byte) (Card, error) {
	if len(raw) > MaxCardBytes {
		return Card{}, FieldError{"card", fmt.Sprintf("must have at most %d bytes", MaxCardBytes)}
	}
	document, err := strictjson.Parse(raw)
	if err != nil {
		return Card{}, syntaxProblem(err)
	}
	if document.Kind() != strictjson.Object {
		return Card{}, FieldError{"card", "must be a JSON object"}
	}
	r := cardReader{card: Card{Raw: bytes.Clone(document)}}
	r.read(document)
	if len(r.problems) > 0 {
		return Card{}, errors.Join(r.problems...)
	}
	return r.card, nil
}

func syntaxProblem(err error) error {
	var syntax *strictjson.Error
	if !errors.As(err, &syntax) {
		return FieldError{"card", "is not valid JSON"}
	}
	if syntax.Path == "" {
		return FieldError{"card", syntax.Problem}
	}
	return FieldError{"card." + syntax.Path, syntax.Problem}
}

// cardReader collects a card and everything wrong with it.
type cardReader struct {
	card     Card
	problems []error
}

func (r *cardReader) fail(path, problem string) {
	r.problems = append(r.problems, FieldError{path, problem})
}

func (r *cardReader) read(document strictjson.Value) {
	members := r.members("card", document, cardMembers)
	r.card.Name = r.text("card.name", members["name"])
	if members["name"] == nil || members["name"].Kind() == strictjson.String && strings.TrimSpace(r.card.Name) == "" {
		r.fail("card.name", "is required")
	}
	r.card.Description = r.text("card.description", members["description"])
	r.card.Version = r.text("card.version", members["version"])
	r.array("card.signatures", members["signatures"])
	r.capabilities(members["capabilities"])
	r.interfaces(members)
	r.skills(members["skills"])
}

func (r *cardReader) capabilities(value strictjson.Value) {
	const path = "card.capabilities"
	streaming := r.members(path, value, capabilityMembers)["streaming"]
	if streaming == nil {
		return
	}
	r.card.Streaming = streaming.Kind() == strictjson.True
	if !r.card.Streaming && streaming.Kind() != strictjson.False {
		r.fail(path+".streaming", "must be true or false")
	}
}

func (r *cardReader) skills(value strictjson.Value) {
	seen := map[string]bool{}
	for i, element := range r.array("card.skills", value) {
		path := fmt.Sprintf("card.skills[%d]", i)
		members := r.members(path, element, skillMembers)
		skill := Skill{
			ID:          r.text(path+".id", members["id"]),
			Name:        r.text(path+".name", members["name"]),
			Description: r.text(path+".description", members["description"]),
		}
		for j, tag := range r.array(path+".tags", members["tags"]) {
			skill.Tags = append(skill.Tags, r.text(fmt.Sprintf("%s.tags[%d]", path, j), tag))
		}
		switch {
		case element.Kind() != strictjson.Object:
		case members["id"] == nil, members["id"].Kind() == strictjson.String && skill.ID == "":
			r.fail(path+".id", "is required")
		case seen[skill.ID]:
			r.fail(path+".id", "is the id of an earlier skill too")
		}
		seen[skill.ID] = true
		r.card.Skills = append(r.card.Skills, skill)
	}
}

// members returns the object's members that the mesh acts on. A null member counts as absent, as in ProtoJSON.
func (r *cardReader) members(path string, value strictjson.Value, known []string) map[string]strictjson.Value {
	if value == nil {
		return nil
	}
	if value.Kind() != strictjson.Object {
		r.fail(path, "must be an object")
		return nil
	}
	members := make(map[string]strictjson.Value, len(known))
	for _, member := range value.Members() {
		if !slices.Contains(known, member.Name) {
			if name, ok := lookalike(member.Name, known); ok {
				r.fail(path+"."+name, "is spelled differently here: A2A writes it "+name)
			}
			continue
		}
		if member.Value.Kind() != strictjson.Null {
			members[member.Name] = member.Value
		}
	}
	return members
}

// joined takes out what stands between the words of a name.
var joined = strings.NewReplacer("_", "", "-", "")

// lookalike returns the known name that a lenient JSON reader takes name for: Go folds case, ProtoJSON accepts
// snake_case.
func lookalike(name string, known []string) (string, bool) {
	folded := joined.Replace(name)
	for _, k := range known {
		if strings.EqualFold(folded, k) {
			return k, true
		}
	}
	return "", false
}

func (r *cardReader) text(path string, value strictjson.Value) string {
	if value == nil {
		return ""
	}
	text, ok := value.Text()
	if !ok {
		r.fail(path, "must be a string")
	}
	return text
}

func (r *cardReader) array(path string, value strictjson.Value) []strictjson.Value {
	if value == nil {
		return nil
	}
	if value.Kind() != strictjson.Array {
		r.fail(path, "must be an array")
	}
	return value.Elements()
}
