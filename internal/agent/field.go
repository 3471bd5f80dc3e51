package agent

import "errors"

// FieldError is one problem with one field of a document.
type FieldError struct {
	// Path leads to the field: card.supportedInterfaces[0].url.
	Path string
	// Problem says what is wrong and what would be right. It never repeats the field's value.
	Problem string
}

// Error returns path and problem.
func (e FieldError) Error() string { return e.Path + ": " + e.Problem }

// FieldErrors returns every FieldError joined into err, in order.
func FieldErrors(err error) []FieldError {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []FieldError
		for _, e := range joined.Unwrap() {
			all = append(all, FieldErrors(e)...)
		}
		return all
	}
	var field FieldError
	if errors.As(err, &field) {
		return []FieldError{field}
	}
	return nil
}
