package approval

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EventType begins the type of every event; what happened follows: requested, granted, denied, expired, consumed or
// withdrawn.
const EventType = "ringfence.dev.approval."

// event is what a hook is told of one change, as CloudEvents 1.0 in JSON.
type event struct {
	Version string    `json:"specversion"`
	ID      string    `json:"id"`
	Source  string    `json:"source"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	Content string    `json:"datacontenttype"`
	Data    Approval  `json:"data"`
}

// eventID names the change to a state: the same however often it is told. It has no full stop, which separates what is
// signed.
func eventID(approval string, s State) string {
	return strings.ReplaceAll(approval, ".", "-") + "-" + happened(s)
}

// happened is the word for a change to the state.
func happened(s State) string {
	if s == Pending {
		return "requested"
	}
	return string(s)
}

// newEvent returns the event of an approval's n-th change, with the approval as it was then.
func newEvent(a Approval, n int, source string) event {
	change := a.History[n]
	a.State, a.History = change.State, a.History[:n+1]
	a.Votes = slices.DeleteFunc(slices.Clone(a.Votes), func(v Vote) bool { return v.At.After(change.At) })
	a.Requirements = slices.Clone(a.Requirements)
	for i := range a.Requirements {
		a.Requirements[i].Approved = a.approvals(i)
	}
	return event{
		Version: "1.0", ID: eventID(a.ID, change.State), Source: source, Type: EventType + happened(change.State),
		Subject: a.ID, Time: change.At, Content: "application/json", Data: a,
	}
}

// Bounds of a hook's secret, in bytes, as Standard Webhooks has them.
const (
	minSecret    = 24
	maxSecret    = 64
	secretPrefix = "whsec_"
)

// ParseSecret returns the secret that a file holds: whsec_ and the base64 of 24 to 64 bytes.
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < minSecret || len(secret) > maxSecret {
		return nil, fmt.Errorf("must be %s and the base64 of %d to %d random bytes", secretPrefix, minSecret, maxSecret)
	}
	return secret, nil
}

// seal signs a message as Standard Webhooks says, in the fields of its request.
func seal(header http.Header, id string, body, secret []byte, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// errNoEvent is that of an event that cannot be written.
var errNoEvent = errors.New("an event cannot be written")

func (e event) encode() ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, errNoEvent
	}
	return body, nil
}
