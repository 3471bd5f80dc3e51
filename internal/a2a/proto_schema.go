package a2a

import "maps"

// protoForm is what a field holds. The zero value is a number that no field has.
type protoForm uint8

const (
	noField protoForm = iota
	protoString
	protoBytes
	protoBool
	protoInt32 // enumerations too
	protoInt64
	protoDouble
	protoSub
	// protoMap is a map from strings to messages or, without one, to strings.
	protoMap
)

// fits reports whether a value on the wire can be one of the form.
func (p protoForm) fits(w wireType) bool {
	switch p {
	case protoBool, protoInt32, protoInt64:
		return w == wireVarint
	case protoDouble:
		return w == wireFixed64
	default:
		return w == wireBytes
	}
}

// protoSlot names a value that is needed after the walk, or when the message around it ends.
type protoSlot uint8

const (
	noProtoSlot protoSlot = iota
	atTenant
	atTask // what the request is for, or what the event of an answer is about
	atContext
	atState
	atFinal
	atName
	atParent
	atConfigName
	atPushTask
	atPushTenant
	atMessage // the id of the message
	atMessageTask
	atMessageContext
	atMessageMetadata
	atRole
	atArtifact
	atTotal
	protoSlots
	atExtensions
	atReferences
)

// protoVoice says whose words a field of an answer holds. An agent speaks for itself everywhere but in the history.
type protoVoice uint8

const (
	noVoice protoVoice = iota
	// agentVoice is that of what the agent says in messages, artifactVoice that of what it makes.
	agentVoice
	artifactVoice
	// roleVoice is the voice of the role that the message gives itself.
	roleVoice
)

// protoField is how one field of a message is read.
type protoField struct {
	// name is what the field is called in JSON; empty where JSON has the value alone, as in google.protobuf.Value.
	name string
	form protoForm
	kind Kind
	slot protoSlot
	// of is the message that the field holds or, for a map, that its values are; message is the same, resolved.
	of      string
	message *protoMessage
	// many says that the field is repeated, oneof that it excludes the other fields of its message that say so.
	many, oneof bool
	// once are the bits that mark the field as seen: its own, or that of the oneof. It is 0 for a repeated field.
	once uint64
	// voice is whose words the field holds; answer is what an answer with the field is; listed says that the field
	// holds tasks of a list.
	voice  protoVoice
	answer AnswerKind
	listed bool
}

// protoMessage is a message, its fields at the index of their numbers.
type protoMessage struct {
	fields []protoField
	// thin says that the message is no object in JSON, so that it counts neither as a level nor do its fields.
	thin bool
}

func (m *protoMessage) field(number int32) *protoField {
	if int(number) < len(m.fields) && m.fields[number].form != noField {
		return &m.fields[number]
	}
	return nil
}

// unknownMessage is the message of which no field is known.
var unknownMessage = &protoMessage{}

// protoSchema are messages by name, each with its fields at the index of their numbers.
type protoSchema map[string][]protoField

// link resolves the names in the schemas taken together.
func link(schemas ...protoSchema) map[string]*protoMessage {
	linked := map[string]*protoMessage{}
	for _, s := range schemas {
		for name, fields := range s {
			linked[name] = &protoMessage{fields: append([]protoField(nil), fields...), thin: name == "Value"}
		}
	}
	for m := range maps.Values(linked) {
		for number := range m.fields {
			f := &m.fields[number]
			f.message = linked[f.of]
			switch {
			case f.many || f.form == protoMap:
			case f.oneof:
				f.once = 1
			default:
				f.once = 1 << number
			}
		}
	}
	return linked
}
