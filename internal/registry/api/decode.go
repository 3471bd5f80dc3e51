package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/registry"
	"ringfence.dev/ringfence/internal/strictjson"
)

// decodeRegistration reads the body of a registration strictly. It reports every problem that shows without a
// look at the mesh: those of JSON types found here, and those of content that the registry finds.
func decodeRegistration(body []byte, name string) (registry.Registration, error) {
	document, err := strictjson.Parse(body)
	if err != nil {
		return registry.Registration{}, badJSON(err)
	}
	if document.Kind() != strictjson.Object {
		return registry.Registration{}, huma.NewError(http.StatusUnprocessableEntity, "validation failed",
			&huma.ErrorDetail{Location: "body", Message: "must be a JSON object"})
	}
	d := bodyReader{registration: registry.Registration{Name: name}}
	for _, member := range document.Members() {
		d.member(member)
	}
	problems := d.problems
	for _, problem := range agent.FieldErrors(d.registration.Validate()) {
		if !covered(problem.Path, d.problems) {
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return registry.Registration{}, huma.NewError(http.StatusUnprocessableEntity, "validation failed", details(problems)...)
	}
	return d.registration, nil
}

func badJSON(err error) error {
	location, message := "body", "is not valid JSON"
	var syntax *strictjson.Error
	if errors.As(err, &syntax) {
		message = syntax.Problem
		if syntax.Path != "" {
			location += "." + syntax.Path
		}
	}
	return huma.NewError(http.StatusBadRequest, "the body is not JSON that can be read in one way only",
		&huma.ErrorDetail{Location: location, Message: message})
}

// covered reports whether one of the problems is already about the field at path or about what contains it.
func covered(path string, problems []agent.FieldError) bool {
	for _, problem := range problems {
		rest, ok := strings.CutPrefix(path, problem.Path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// bodyReader fills a registration from members and collects what has the wrong JSON type. A null counts as absent.
type bodyReader struct {
	registration registry.Registration
	problems     []agent.FieldError
}

func (d *bodyReader) fail(path, problem string) {
	d.problems = append(d.problems, agent.FieldError{Path: path, Problem: problem})
}

func (d *bodyReader) member(member strictjson.Member) {
	if member.Value.Kind() == strictjson.Null && known[member.Name] {
		return
	}
	switch member.Name {
	case "name":
		d.registration.Name = d.text("name", member.Value)
	case "card":
		d.registration.Card = member.Value
	case "cardUrl":
		d.registration.CardURL = d.text("cardUrl", member.Value)
	case "cardKeys":
		d.registration.CardKeys = d.values("cardKeys", member.Value)
	case "dids":
		d.registration.DIDs = d.texts("dids", member.Value)
	case "sidecarDids":
		d.registration.Sidecars = d.texts("sidecarDids", member.Value)
	case "spiffeIds":
		d.registration.Workloads = d.texts("spiffeIds", member.Value)
	case "subjects":
		d.registration.Subjects = d.subjects("subjects", member.Value)
	case "owner":
		d.registration.Owner = d.text("owner", member.Value)
	case "capabilities":
		d.registration.Capabilities = d.texts("capabilities", member.Value)
	case "ringCeiling":
		d.registration.RingCeiling = d.integer("ringCeiling", member.Value)
	case "requiredRing":
		d.registration.RequiredRing = d.integer("requiredRing", member.Value)
	case "requiredTrust":
		if trust := d.integer("requiredTrust", member.Value); trust != nil {
			d.registration.RequiredTrust = *trust
		}
	case "effect":
		d.registration.Effect = d.text("effect", member.Value)
	case "skillEffects":
		d.registration.SkillEffects = d.textMap("skillEffects", member.Value)
	default:
		d.fail(bounded(member.Name), "is not a field of a registration")
	}
}

// known are the members of a registration.
var known = map[string]bool{
	"name": true, "card": true, "cardUrl": true, "dids": true, "owner": true, "capabilities": true, "ringCeiling": true, "effect": true,
	"skillEffects": true, "cardKeys": true, "sidecarDids": true, "spiffeIds": true, "subjects": true, "requiredRing": true, "requiredTrust": true,
}

func bounded(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), 64)], "")
}

func (d *bodyReader) text(path string, value strictjson.Value) string {
	text, ok := value.Text()
	if !ok {
		d.fail(path, "must be a string")
	}
	return text
}

func (d *bodyReader) texts(path string, value strictjson.Value) []string {
	if value.Kind() != strictjson.Array {
		d.fail(path, "must be an array of strings")
		return nil
	}
	list := []string{}
	for i, element := range value.Elements() {
		list = append(list, d.text(fmt.Sprintf("%s[%d]", path, i), element))
	}
	return list
}

func (d *bodyReader) values(path string, value strictjson.Value) []json.RawMessage {
	if value.Kind() != strictjson.Array {
		d.fail(path, "must be an array")
		return nil
	}
	var list []json.RawMessage
	for _, element := range value.Elements() {
		list = append(list, json.RawMessage(element))
	}
	return list
}

func (d *bodyReader) subjects(path string, value strictjson.Value) []agent.Subject {
	if value.Kind() != strictjson.Array {
		d.fail(path, "must be an array of objects with issuer and subject")
		return nil
	}
	var list []agent.Subject
	for i, element := range value.Elements() {
		list = append(list, d.subject(fmt.Sprintf("%s[%d]", path, i), element))
	}
	return list
}

func (d *bodyReader) subject(path string, value strictjson.Value) agent.Subject {
	var subject agent.Subject
	if value.Kind() != strictjson.Object {
		d.fail(path, "must be an object with issuer and subject")
		return subject
	}
	for _, member := range value.Members() {
		switch member.Name {
		case "issuer":
			subject.Issuer = d.text(path+".issuer", member.Value)
		case "subject":
			subject.Name = d.text(path+".subject", member.Value)
		default:
			d.fail(path+"."+bounded(member.Name), "is not a field of a subject")
		}
	}
	return subject
}

func (d *bodyReader) textMap(path string, value strictjson.Value) map[string]string {
	if value.Kind() != strictjson.Object {
		d.fail(path, "must be an object of strings")
		return nil
	}
	texts := map[string]string{}
	for _, member := range value.Members() {
		texts[member.Name] = d.text(path+"."+bounded(member.Name), member.Value)
	}
	return texts
}

func (d *bodyReader) integer(path string, value strictjson.Value) *int {
	n, ok := value.Int()
	if !ok {
		d.fail(path, "must be an integer")
		return nil
	}
	return &n
}
