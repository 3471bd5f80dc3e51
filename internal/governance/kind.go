package governance

// Kind is the sort of a denial: the one thing protocol codes derive from. The zero value is Internal.
type Kind uint8

// The kinds.
const (
	Internal        Kind = iota // the mesh could not decide
	Unauthenticated             // no evidence, or evidence that does not verify
	Forbidden                   // a known caller that may not do this
	NotFound                    // no such agent, or no such entrance
	Invalid                     // the request is not well-formed A2A
	TooLarge                    // the request exceeds what is inspected
	NoTask                      // no such task, as far as this caller may know
	BadAnswer                   // the agent's answer cannot be judged
	TooOften                    // the caller asks more often than it may
	BadMedia                    // the body is of a type, or coded in a way, that is not read
	Unavailable                 // the mesh cannot decide at present, and may again
	TooLong                     // the call takes longer than the caller's ring allows
)

// Codes are what a kind is on each wire.
type Codes struct {
	HTTP    int
	JSONRPC int
	GRPC    int
	// Transport says that a JSON-RPC denial carries the HTTP status too, since it is not about the call but
	// about reaching the agent at all: clients must see it even where they ignore bodies.
	Transport bool
}

// JSON-RPC codes of denials lie outside -32768..-32000, which JSON-RPC and A2A reserve, and follow the
// official Go SDK's convention of -31000 minus the HTTP status where there is one.
var codes = [...]Codes{
	Internal:        {HTTP: 500, JSONRPC: -31500, GRPC: 13, Transport: true},
	Unauthenticated: {HTTP: 401, JSONRPC: -31401, GRPC: 16, Transport: true},
	Forbidden:       {HTTP: 403, JSONRPC: -31403, GRPC: 7},
	NotFound:        {HTTP: 404, JSONRPC: -31404, GRPC: 5, Transport: true},
	Invalid:         {HTTP: 400, JSONRPC: -32600, GRPC: 3},
	TooLarge:        {HTTP: 413, JSONRPC: -31413, GRPC: 8},
	// A2A has codes of its own for these: TaskNotFoundError, InvalidAgentResponseError, ContentTypeNotSupportedError. The
	// last is HTTP 415 in A2A 1.0.0 and 400 in 1.0.1; HTTP itself has 415 for it.
	NoTask:    {HTTP: 404, JSONRPC: -32001, GRPC: 5},
	BadAnswer: {HTTP: 502, JSONRPC: -32006, GRPC: 13},
	BadMedia:  {HTTP: 415, JSONRPC: -32005, GRPC: 3},
	TooOften:  {HTTP: 429, JSONRPC: -31429, GRPC: 8},
	// 14 is UNAVAILABLE, which clients may try again.
	TooLong:     {HTTP: 504, JSONRPC: -31504, GRPC: 4},
	Unavailable: {HTTP: 503, JSONRPC: -31503, GRPC: 14, Transport: true},
}

// Codes returns the wire codes of the kind.
func (k Kind) Codes() Codes {
	if int(k) >= len(codes) {
		return codes[Internal]
	}
	return codes[k]
}
