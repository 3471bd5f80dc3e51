package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/a2aproject/a2a-go/v2/a2a"

	"ringfence.dev/ringfence/internal/governance"
)

// denied is a refusal of the mesh, as people need it: why, and where the whole record is.
type denied struct {
	status            int
	message, decision string
}

func (d denied) Error() string {
	if d.status != http.StatusOK {
		return fmt.Sprintf("%s (%d, decision %s)", d.message, d.status, d.decision)
	}
	return fmt.Sprintf("%s (decision %s)", d.message, d.decision)
}

// telling makes errors of the mesh's refusals that have an HTTP status: the A2A client keeps nothing of their bodies.
type telling struct{ base http.RoundTripper }

// largestRefusal bounds what is read of one, in bytes.
const largestRefusal = 64 << 10

func (t telling) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	decision := response.Header.Get(governance.DecisionHeader)
	if response.StatusCode < http.StatusBadRequest || decision == "" {
		return response, nil
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, largestRefusal))
	if err != nil {
		return nil, fmt.Errorf("reading refusal: %w", err)
	}
	// Both bindings keep the message in the same place.
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		body.Error.Message = "the mesh refuses the request"
	}
	return nil, denied{status: response.StatusCode, message: body.Error.Message, decision: decision}
}

// told returns what a refusal of the mesh says, without the wraps of the clients it came through; other errors stay.
func told(err error) error {
	if d := (denied{}); errors.As(err, &d) {
		return d
	}
	refusal := (*a2a.Error)(nil)
	if !errors.As(err, &refusal) {
		return err
	}
	meta, _ := refusal.ErrorInfo().Value["metadata"].(map[string]string)
	if meta["decisionId"] == "" {
		return err
	}
	return denied{status: http.StatusOK, message: refusal.Message, decision: meta["decisionId"]}
}
