package a2a

import (
	"net/http"
	"strconv"
)

// flaw is why a scan stopped. The zero value is a sound body.
type flaw uint8

const (
	sound flaw = iota
	badSyntax
	badEncoding
	loneSurrogate
	trailingData
	duplicateKey
	misspelledKey
	tooLarge
	tooDeep
	tooMany
	batch
	notObject
	badVersion
	badMethod
	badID
	badParams
	badPath
	longPath
	badQuery
	extraBody
	conflict
	twoAnswers
	badWire
	badText
	repeatedField
	badFrame
	compressed
	badName
)

// JSON-RPC error codes (JSON-RPC 2.0, section 5.1), and the two codes outside A2A's range with which the official
// Go SDK tells missing and insufficient authority.
const (
	CodeParse           = -32700
	CodeInvalidRequest  = -32600
	CodeInvalidParams   = -32602
	CodeInternal        = -32603
	CodeUnauthenticated = -31401
	CodeDenied          = -31403
)

// CodeInvalidAgentResponse is A2A's error code for an agent's answer that breaks the protocol (A2A 1.0, section 5.4).
const CodeInvalidAgentResponse = -32006

// defect is what a caller is told about a flaw.
type defect struct {
	code   int
	reason string
	detail string
}

var defects = [...]defect{
	sound:         {CodeInternal, "UNKNOWN", "the request was not understood"},
	badSyntax:     {CodeParse, "INVALID_JSON", "the body is not valid JSON"},
	badEncoding:   {CodeParse, "INVALID_JSON", "the body is not valid UTF-8"},
	loneSurrogate: {CodeParse, "INVALID_JSON", "a string holds half of a surrogate pair"},
	trailingData:  {CodeParse, "INVALID_JSON", "there is data behind the JSON value"},
	duplicateKey:  {CodeInvalidRequest, "DUPLICATE_KEY", "an object has two members of one name"},
	misspelledKey: {CodeInvalidRequest, "MISSPELLED_KEY", "a member name differs from A2A's own only in spelling"},
	tooLarge:      {CodeInvalidRequest, "TOO_LARGE", "the body is larger than allowed"},
	tooDeep:       {CodeInvalidRequest, "TOO_DEEP", "the body is nested deeper than allowed"},
	tooMany:       {CodeInvalidRequest, "TOO_MANY_MEMBERS", "the body has more members than allowed"},
	batch:         {CodeInvalidRequest, "BATCH", "batches are not supported: send one request"},
	notObject:     {CodeInvalidRequest, "INVALID_REQUEST", "the request must be a JSON object"},
	badVersion:    {CodeInvalidRequest, "INVALID_REQUEST", `jsonrpc must be "2.0"`},
	badMethod:     {CodeInvalidRequest, "INVALID_REQUEST", "method must be a string that is not empty"},
	badID:         {CodeInvalidRequest, "INVALID_REQUEST", "id must be a string, a number or null"},
	badParams:     {CodeInvalidParams, "INVALID_PARAMS", "params must be an object"},
	badPath:       {CodeInvalidRequest, "AMBIGUOUS_PATH", "the path can be read in more than one way"},
	longPath:      {CodeInvalidRequest, "TOO_LONG", "the path is longer than allowed"},
	extraBody:     {CodeInvalidRequest, "UNEXPECTED_BODY", "the operation has no body"},
	badQuery:      {CodeInvalidRequest, "AMBIGUOUS_QUERY", "the query can be read in more than one way"},
	conflict:      {CodeInvalidParams, "CONFLICTING_VALUES", "the request names different tasks, tenants or contexts"},
	twoAnswers:    {CodeInvalidRequest, "AMBIGUOUS_ANSWER", "the body holds more than one answer"},
	badWire:       {CodeParse, "INVALID_PROTOBUF", "the message is not valid protobuf"},
	badText:       {CodeParse, "INVALID_PROTOBUF", "a string of the message is not valid UTF-8"},
	repeatedField: {CodeInvalidRequest, "REPEATED_FIELD", "a field that may occur once occurs twice"},
	badFrame:      {CodeInvalidRequest, "INVALID_FRAME", "the body must be exactly one length-prefixed message"},
	compressed:    {CodeInvalidRequest, "COMPRESSED", "compressed messages are not supported: send the identity encoding"},
	badName:       {CodeInvalidParams, "AMBIGUOUS_NAME", "the name of a task or a tenant can be read in more than one way"},
}

// Problem is the parser's refusal of a request that servers could read in different ways, or of an answer that
// clients could, or of what exceeds the limits. It tells the caller what is wrong without repeating anything of what
// was refused.
type Problem struct {
	// Code is the JSON-RPC error code: CodeParse, CodeInvalidRequest or CodeInvalidParams.
	Code int
	// Reason is the flaw in UPPER_SNAKE_CASE, for programs.
	Reason string
	// Detail is one public sentence without a full stop.
	Detail string
	// Key is the defined name that was spelled otherwise, where Reason is MISSPELLED_KEY.
	Key string
	// Offset is the byte of the body at which reading stopped; -1 when no single byte is at fault.
	Offset int
	// Agent says that the flaw is in what the agent answered: the caller could not have avoided it.
	Agent bool
	// Binding is the binding the request was read for.
	Binding Binding
	// Method is the operation if it was read before the flaw, otherwise empty.
	Method Method
	// RequestID is the JSON-RPC id as raw JSON if it was read before the flaw, otherwise nil. It aliases the body.
	RequestID []byte
}

func problem(f flaw, b Binding) *Problem {
	d := defects[sound]
	if int(f) < len(defects) {
		d = defects[f]
	}
	return &Problem{Code: d.code, Reason: d.reason, Detail: d.detail, Offset: -1, Binding: b}
}

// Error returns the detail with the key or the offset, where there is one.
func (p *Problem) Error() string {
	switch {
	case p.Key != "":
		return p.Detail + ": write " + strconv.Quote(p.Key)
	case p.Offset >= 0:
		return p.Detail + " (byte " + strconv.Itoa(p.Offset) + ")"
	default:
		return p.Detail
	}
}

// Denial returns the answer to the refused request: 413 for a body beyond the limit of bytes, otherwise 400. For a
// refused answer it is A2A's error for an answer that breaks the protocol, under 500.
func (p *Problem) Denial() Denial {
	d := Denial{
		Binding:    p.Binding,
		Streaming:  p.Method.Streaming(),
		RequestID:  p.RequestID,
		HTTPStatus: http.StatusBadRequest,
		Code:       p.Code,
		GRPC:       grpcInvalidArgument,
		Reason:     p.Reason,
		Message:    p.Error(),
	}
	switch {
	case p.Agent:
		d.HTTPStatus, d.Code, d.GRPC = http.StatusInternalServerError, CodeInvalidAgentResponse, grpcInternal
		d.Message = "the agent's answer is withheld: " + d.Message
	case p.Reason == defects[tooLarge].reason:
		d.HTTPStatus, d.GRPC = http.StatusRequestEntityTooLarge, grpcResourceExhausted
	case p.Reason == defects[compressed].reason:
		d.HTTPStatus, d.GRPC = http.StatusUnsupportedMediaType, grpcUnimplemented
	}
	return d
}
