package envoywire

// kind is how the value of a field is written. The zero value is no field.
type kind uint8

const (
	noField kind = iota
	varint       // integers, bools and enums
	fixed64
	octets
	text // octets that are UTF-8
	message
)

// field is what a message may hold under a number.
type field struct {
	kind    kind
	of      shape // of a message
	repeats bool
	oneof   uint8 // fields of a message with the same number other than 0 exclude each other
}

// shape names a message of Envoy's API.
type shape uint8

const (
	checkRequest shape = iota
	attributeContext
	peer
	address
	socketAddress
	pipe
	internalAddress
	textEntry
	requestAttributes
	timestamp
	httpRequest
	headerMap
	headerValue
	metadata
	structEntry
	anyEntry
	structure
	valueEntry
	value
	listValue
	anyMessage
	tlsSession
	processingRequest
	httpHeaders
	httpBody
	httpTrailers
	protocolConfiguration
	flowControlInit
	clientWindowUpdate
	shapes // how many there are
)

// names are those that the messages have in Envoy's API. Several maps share one shape of entry.
var names = [shapes]string{
	checkRequest:          "envoy.service.auth.v3.CheckRequest",
	attributeContext:      "envoy.service.auth.v3.AttributeContext",
	peer:                  "envoy.service.auth.v3.AttributeContext.Peer",
	address:               "envoy.config.core.v3.Address",
	socketAddress:         "envoy.config.core.v3.SocketAddress",
	pipe:                  "envoy.config.core.v3.Pipe",
	internalAddress:       "envoy.config.core.v3.EnvoyInternalAddress",
	textEntry:             "an entry of a map of texts",
	requestAttributes:     "envoy.service.auth.v3.AttributeContext.Request",
	timestamp:             "google.protobuf.Timestamp",
	httpRequest:           "envoy.service.auth.v3.AttributeContext.HttpRequest",
	headerMap:             "envoy.config.core.v3.HeaderMap",
	headerValue:           "envoy.config.core.v3.HeaderValue",
	metadata:              "envoy.config.core.v3.Metadata",
	structEntry:           "an entry of a map of structs",
	anyEntry:              "an entry of a map of messages",
	structure:             "google.protobuf.Struct",
	valueEntry:            "an entry of a struct",
	value:                 "google.protobuf.Value",
	listValue:             "google.protobuf.ListValue",
	anyMessage:            "google.protobuf.Any",
	tlsSession:            "envoy.service.auth.v3.AttributeContext.TLSSession",
	processingRequest:     "envoy.service.ext_proc.v3.ProcessingRequest",
	httpHeaders:           "envoy.service.ext_proc.v3.HttpHeaders",
	httpBody:              "envoy.service.ext_proc.v3.HttpBody",
	httpTrailers:          "envoy.service.ext_proc.v3.HttpTrailers",
	protocolConfiguration: "envoy.service.ext_proc.v3.ProtocolConfiguration",
	flowControlInit:       "envoy.service.ext_proc.v3.ProcessingRequest.FlowControlInit",
	clientWindowUpdate:    "envoy.service.ext_proc.v3.ProcessingRequest.ClientWindowUpdate",
}

// fieldNumbers is above every number of a field.
const fieldNumbers = 14

// layout is what the messages hold that Envoy sends, by number: all that the API of the pinned version defines. A test holds
// it against the descriptors, so that whoever changes the version looks at what is new.
var layout = [shapes][fieldNumbers]field{
	checkRequest: {1: {kind: message, of: attributeContext}},
	attributeContext: {
		1: {kind: message, of: peer}, 2: {kind: message, of: peer}, 4: {kind: message, of: requestAttributes},
		10: {kind: message, of: textEntry, repeats: true}, 11: {kind: message, of: metadata}, 12: {kind: message, of: tlsSession},
		13: {kind: message, of: metadata},
	},
	peer: {
		1: {kind: message, of: address}, 2: {kind: text}, 3: {kind: message, of: textEntry, repeats: true}, 4: {kind: text},
		5: {kind: text},
	},
	address: {
		1: {kind: message, of: socketAddress, oneof: 1}, 2: {kind: message, of: pipe, oneof: 1},
		3: {kind: message, of: internalAddress, oneof: 1},
	},
	socketAddress: {
		1: {kind: varint}, 2: {kind: text}, 3: {kind: varint, oneof: 1}, 4: {kind: text, oneof: 1}, 5: {kind: text},
		6: {kind: varint}, 7: {kind: text},
	},
	pipe:              {1: {kind: text}, 2: {kind: varint}},
	internalAddress:   {1: {kind: text, oneof: 1}, 2: {kind: text}},
	textEntry:         {1: {kind: text}, 2: {kind: text}},
	requestAttributes: {1: {kind: message, of: timestamp}, 2: {kind: message, of: httpRequest}},
	timestamp:         {1: {kind: varint}, 2: {kind: varint}},
	httpRequest: {
		1: {kind: text}, 2: {kind: text}, 3: {kind: message, of: textEntry, repeats: true}, 4: {kind: text}, 5: {kind: text},
		6: {kind: text}, 7: {kind: text}, 8: {kind: text}, 9: {kind: varint}, 10: {kind: text}, 11: {kind: text},
		12: {kind: octets}, 13: {kind: message, of: headerMap},
	},
	headerMap:   {1: {kind: message, of: headerValue, repeats: true}},
	headerValue: {1: {kind: text}, 2: {kind: text}, 3: {kind: octets}},
	metadata:    {1: {kind: message, of: structEntry, repeats: true}, 2: {kind: message, of: anyEntry, repeats: true}},
	structEntry: {1: {kind: text}, 2: {kind: message, of: structure}},
	anyEntry:    {1: {kind: text}, 2: {kind: message, of: anyMessage}},
	structure:   {1: {kind: message, of: valueEntry, repeats: true}},
	valueEntry:  {1: {kind: text}, 2: {kind: message, of: value}},
	value: {
		1: {kind: varint, oneof: 1}, 2: {kind: fixed64, oneof: 1}, 3: {kind: text, oneof: 1}, 4: {kind: varint, oneof: 1},
		5: {kind: message, of: structure, oneof: 1}, 6: {kind: message, of: listValue, oneof: 1},
	},
	listValue:  {1: {kind: message, of: value, repeats: true}},
	anyMessage: {1: {kind: text}, 2: {kind: octets}},
	tlsSession: {1: {kind: text}},
	processingRequest: {
		2: {kind: message, of: httpHeaders, oneof: 1}, 3: {kind: message, of: httpHeaders, oneof: 1},
		4: {kind: message, of: httpBody, oneof: 1}, 5: {kind: message, of: httpBody, oneof: 1},
		6: {kind: message, of: httpTrailers, oneof: 1}, 7: {kind: message, of: httpTrailers, oneof: 1},
		8: {kind: message, of: metadata}, 9: {kind: message, of: structEntry, repeats: true}, 10: {kind: varint},
		11: {kind: message, of: protocolConfiguration}, 12: {kind: message, of: flowControlInit},
		13: {kind: message, of: clientWindowUpdate},
	},
	httpHeaders:           {1: {kind: message, of: headerMap}, 2: {kind: message, of: structEntry, repeats: true}, 3: {kind: varint}},
	httpBody:              {1: {kind: octets}, 2: {kind: varint}, 3: {kind: varint}, 4: {kind: varint}, 5: {kind: varint}},
	httpTrailers:          {1: {kind: message, of: headerMap}},
	protocolConfiguration: {1: {kind: varint}, 2: {kind: varint}, 3: {kind: varint}},
	flowControlInit:       {1: {kind: varint}, 2: {kind: varint}, 3: {kind: varint}, 4: {kind: varint}},
	clientWindowUpdate:    {1: {kind: varint}, 2: {kind: varint}},
}
