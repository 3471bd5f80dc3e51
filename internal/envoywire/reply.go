package envoywire

// Reply is what Ringfence says in an envoy.service.ext_proc.v3.ProcessingResponse. One that only names its part lets the
// part pass as it is.
type Reply struct {
	// Part is that of the message which is answered. None is an immediate response: Status, Set, Body and Details are
	// the answer to the client, whatever came before.
	Part Part
	// Ask wants the agent's answer too, by a mode override that goes with a reply to RequestHeaders.
	Ask bool
	// Next tells Envoy how the call goes on, as in Verdict, unless it is empty.
	Next string
	// Replace has Envoy take Body for that of a request which had none: CONTINUE_AND_REPLACE.
	Replace bool
	// Set are fields that take the place of those of the same name; Remove names fields that go.
	Set    [][2]string
	Remove []string
	// Body takes the place of a request's body unless it is empty. To ResponseBody it is the next piece of the answer, and
	// End says that it is the last.
	Body []byte
	End  bool
	// Status is the HTTP status of an immediate response, Details what Envoy's access log says of it.
	Status  int
	Details string
}
