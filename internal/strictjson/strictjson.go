// Package strictjson reads JSON documents whose meaning must not depend on who reads them: it refuses duplicate
// members, trailing data, invalid UTF-8 and lone surrogates, and it keeps the order and the raw bytes of what it
// reads. It decides nothing about what members mean.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is the deepest nesting of arrays and objects that Validate accepts.
const MaxDepth = 64

// maxToken bounds how much of a member's name an error repeats.
const maxToken = 64

// Error says where a document breaks a rule and how.
type Error struct {
	// Path leads to the offending value, such as skills[2].id; empty for the document itself.
	Path string
	// Problem completes a sentence about the value: "appears more than once".
	Problem string
}

// Error returns path and problem.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// Kind is the first byte of a value, which tells its type: one of { [ " t f n, and 0 for every number.
type Kind byte

// The kinds of values.
const (
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
	Number Kind = '0'
)

// Value is one raw JSON value. Values are slices of the document they were read from.
type Value []byte

// Member is one member of an object.
type Member struct {
	Name  string
	Value Value
}

// Parse returns the one value of the document without the white space around it, or an *Error.
func Parse(document []byte) (Value, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(document))
	for first := true; first || decoder.StackDepth() > 0; first = false {
		if _, err := decoder.ReadToken(); err != nil {
			return nil, syntaxError(decoder, err)
		}
		if decoder.StackDepth() > MaxDepth {
			return nil, &Error{Problem: fmt.Sprintf("is nested deeper than %d levels", MaxDepth)}
		}
	}
	end := decoder.InputOffset()
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &Error{Problem: "has data after the JSON value"}
	}
	return bytes.TrimLeft(document[:end], " \t\r\n"), nil
}

func syntaxError(decoder *jsontext.Decoder, err error) error {
	if errors.Is(err, io.EOF) {
		return &Error{Problem: "is empty; it must be JSON"}
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return &Error{Problem: "is not valid JSON"}
	}
	path := dotted(syntax.JSONPointer)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &Error{Path: path, Problem: "appears more than once"}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Problem: "is not valid JSON: it ends too early"}
	}
	return &Error{Problem: fmt.Sprintf("is not valid JSON at byte %d", max(syntax.ByteOffset, decoder.InputOffset())+1)}
}

func dotted(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		token = strings.ToValidUTF8(token[:min(len(token), maxToken)], "")
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String()
}

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Null
	}
	if c := v[0]; c == '-' || c >= '0' && c <= '9' {
		return Number
	}
	return Kind(v[0])
}

// Members returns the members of an object in order, and nothing for any other value. The value must come from
// Parse.
func (v Value) Members() []Member {
	var members []Member
	v.each(Object, func(decoder *jsontext.Decoder) error {
		name, err := decoder.ReadToken()
		if err != nil {
			return err
		}
		member := Member{Name: name.String()}
		member.Value, err = v.next(decoder)
		members = append(members, member)
		return err
	})
	return members
}

// Elements returns the elements of an array, and nothing for any other value. The value must come from Parse.
func (v Value) Elements() []Value {
	var elements []Value
	v.each(Array, func(decoder *jsontext.Decoder) error {
		element, err := v.next(decoder)
		elements = append(elements, element)
		return err
	})
	return elements
}

// Text returns the string that the value is.
func (v Value) Text() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

// Int returns the integer that the value is, when it is written as one and fits.
func (v Value) Int() (int, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.Atoi(string(v))
	return n, err == nil
}

// ObjectOf returns the object with the members, in their order.
func ObjectOf(members []Member) Value {
	out := []byte{'{'}
	for i, member := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, Quote(member.Name)...), ':')
		out = append(out, member.Value...)
	}
	return append(out, '}')
}

// ArrayOf returns the array of the values.
func ArrayOf(values []Value) Value {
	out := []byte{'['}
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, value...)
	}
	return append(out, ']')
}

// Quote returns s as a JSON string; invalid UTF-8 becomes the replacement character.
func Quote(s string) Value {
	quoted, _ := jsontext.AppendQuote(nil, s)
	return Value(quoted)
}

func (v Value) each(kind Kind, read func(*jsontext.Decoder) error) {
	if v.Kind() != kind {
		return
	}
	decoder := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := decoder.ReadToken(); err != nil {
		return
	}
	for {
		if end := decoder.PeekKind(); end == ']' || end == '}' || end == 0 {
			return
		}
		if read(decoder) != nil {
			return
		}
	}
}

// next returns the decoder's next value as a slice of v, so that it stays valid when the decoder moves on.
func (v Value) next(decoder *jsontext.Decoder) (Value, error) {
	value, err := decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := decoder.InputOffset()
	return v[end-int64(len(value)) : end : end], nil
}
