package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/errordetails"

	"ringfence.dev/ringfence/internal/governance"
)

// denied is a refusal of the mesh, as people need it: why, and where the whole record is.
type denied struct {
	status            int
	message, decision string
	// approval is that of a call about which people are asked, and waits says that they have not decided.
	approval string
	waits    bool
}

// retryInfo is the type of the detail in which a refusal says when to come back.
const retryInfo = "type.googleapis.com/google.rpc.RetryInfo"

func (d denied) Error() string {
	where := "decision " + d.decision
	if d.status != http.StatusOK {
		where = strconv.Itoa(d.status) + ", " + where
	}
	if d.approval != "" {
		where += ", approval " + d.approval
	}
	return d.message + " (" + where + ")"
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
	// Both bindings keep the message in the same place; only HTTP+JSON has an HTTP status where people are asked.
	var body struct {
		Error struct {
			Message string `json:"message"`
			Details []struct {
				Type     string            `json:"@type"`
				Metadata map[string]string `json:"metadata"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		body.Error.Message = "the mesh refuses the request"
	}
	d := denied{status: response.StatusCode, message: body.Error.Message, decision: decision}
	for _, detail := range body.Error.Details {
		d.approval = cmp.Or(d.approval, detail.Metadata["approvalId"])
		d.waits = d.waits || detail.Type == retryInfo
	}
	d.waits = d.waits && d.approval != ""
	return nil, d
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
	d := denied{status: http.StatusOK, message: refusal.Message, decision: meta["decisionId"], approval: meta["approvalId"]}
	d.waits = d.approval != "" && slices.ContainsFunc(refusal.TypedDetails, func(t *errordetails.Typed) bool { return t.TypeURL == retryInfo })
	return d
}
