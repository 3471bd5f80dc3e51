package trustbridge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"ringfence.dev/ringfence/trustbridge"
)

// An agent calls another through the mesh: its HTTP client signs every request.
func ExampleTransport() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Signature") != "", " ", r.Header.Get("Content-Digest") != "")
	}))
	defer gateway.Close()

	concierge, err := trustbridge.NewIdentity(keyOf("concierge"))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &trustbridge.Transport{Identity: concierge}}
	response, err := client.Post(gateway.URL+"/agents/weather", "application/json", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
	// Output: true true
}

// An agent lets another one read for it, and that one lets a third read one thing less.
func ExampleIdentity_Delegate() {
	concierge, _ := trustbridge.NewIdentity(keyOf("concierge"))
	broker, _ := trustbridge.NewIdentity(keyOf("broker"))
	clerk, _ := trustbridge.NewIdentity(keyOf("clerk"))

	given, err := concierge.Delegate(trustbridge.Delegation{To: broker.DID(), Capabilities: []string{"read:*"}, Depth: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	passedOn, err := broker.Delegate(trustbridge.Delegation{To: clerk.DID(), Capabilities: []string{"read:ledger"}, Parent: given})
	if err != nil {
		fmt.Println(err)
		return
	}
	links, err := trustbridge.Inspect(passedOn)
	for _, link := range links {
		fmt.Println(link.Capabilities, link.Depth)
	}
	fmt.Println(err)

	_, err = broker.Delegate(trustbridge.Delegation{To: clerk.DID(), Capabilities: []string{"write:ledger"}, Parent: given})
	fmt.Println(err)
	// Output:
	// [read:*] 1
	// [read:ledger] 0
	// <nil>
	// delegating: widened: link 1 grants a capability that the link before it does not grant
}

// An agent asks about a peer before it talks to it.
func ExampleClient_Verify() {
	mesh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"verified":false,"agent":"broker","did":"did:key:z6MkBroker","score":320,"ring":3,"status":"active",
			"reasons":[{"factor":"score","have":"320","need":"500"}]}`)
	}))
	defer mesh.Close()

	concierge, _ := trustbridge.NewIdentity(keyOf("concierge"))
	client := trustbridge.Client{URL: mesh.URL, Identity: concierge}
	answer, err := client.Verify(context.Background(), trustbridge.Question{
		DID: "did:key:z6MkBroker", Score: 500, Capabilities: []string{"read:ledger"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if !answer.Verified {
		fmt.Println("not talking to", answer.Agent+":", answer.Reasons[0])
	}
	// Output: not talking to broker: score is 320, and 500 is required
}
