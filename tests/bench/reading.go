package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
)

// reading is how long the parsers took over one body.
type reading struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	// Micros is the time of one pass in each round, Allocations what one pass allocates; of both, what is returned
	// counts in.
	Micros      []float64 `json:"micros"`
	Allocations float64   `json:"allocations"`
	// Yardstick is how long encoding/json took in each round to see whether the body is valid, and to keep nothing of it:
	// it tells a slow parser from a slow machine.
	Yardstick []float64 `json:"yardstickMicros"`
}

// servicePercent is the garbage collector's target in the services.
const servicePercent = 400

// readingRound is how long one round of one body takes.
const readingRound = 200 * time.Millisecond

// reads times the parsers on bodies that the marks speak of. It runs alone, before anything else is started, and
// collects garbage as the services do.
func reads(rounds int) []reading {
	defer debug.SetGCPercent(debug.SetGCPercent(servicePercent))
	limits := a2a.DefaultLimits()
	limits.Bytes = 2 << 20
	list := []struct {
		name string
		body []byte
		read func([]byte) *a2a.Problem
	}{
		{"request-2kb", talk(2<<10, `{"jsonrpc":"2.0","id":"r-1","method":"SendMessage","params":{"message":{"messageId":"m-1","role":"ROLE_USER","parts":[`, `]}}}`), func(b []byte) *a2a.Problem {
			_, p := a2a.ParseJSONRPC(b, limits)
			return p
		}},
		{"request-1mb", talk(1<<20, `{"jsonrpc":"2.0","id":"r-1","method":"SendMessage","params":{"message":{"messageId":"m-1","role":"ROLE_USER","parts":[`, `]}}}`), func(b []byte) *a2a.Problem {
			_, p := a2a.ParseJSONRPC(b, limits)
			return p
		}},
		{"answer-2kb", talk(2<<10, answered, `]}]}}`), func(b []byte) *a2a.Problem {
			_, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.GetTask, b, limits)
			return p
		}},
		{"answer-1mb", talk(1<<20, answered, `]}]}}`), func(b []byte) *a2a.Problem {
			_, p := a2a.ParseAnswer(a2a.JSONRPC, a2a.GetTask, b, limits)
			return p
		}},
	}
	done := make([]reading, len(list))
	for i, one := range list {
		done[i] = reading{Name: one.name, Bytes: len(one.body)}
		for range rounds {
			done[i].Micros = append(done[i].Micros, timePass(func() { one.read(one.body) }))
			done[i].Yardstick = append(done[i].Yardstick, timePass(func() { json.Valid(one.body) }))
		}
		done[i].Allocations = testing.AllocsPerRun(100, func() { one.read(one.body) })
		if p := one.read(one.body); p != nil {
			fmt.Printf("reading %s: %s\n", one.name, p.Detail)
		}
	}
	return done
}

const answered = `{"jsonrpc":"2.0","id":"r-1","result":{"id":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_COMPLETED"},"artifacts":[{"artifactId":"a-1","parts":[`

// timePass returns the time of one call in microseconds.
func timePass(pass func()) float64 {
	passes := 0
	began := time.Now()
	for time.Since(began) < readingRound {
		for range 8 {
			pass()
		}
		passes += 8
	}
	return float64(time.Since(began).Nanoseconds()) / 1e3 / float64(passes)
}

// talk returns a body of size bytes: parts of text with escapes, and parts of data.
func talk(size int, head, tail string) []byte {
	text := `{"text":"Please book the earliest train from Zürich to Milan.\nTwo seats, \"window\" if there is one; ` +
		strings.Repeat("the trip is for a conference and the return is open. ", 8) + `","mediaType":"text/plain"}`
	data := `,{"data":{"orders":[{"sku":"A-%d","quantity":3,"price":12.50,"gift":false},{"sku":"B-77","quantity":1,` +
		`"price":199,"note":null}],"currency":"CHF","total":236.5},"metadata":{"source":"erp"}}`
	var b strings.Builder
	b.WriteString(head)
	for i := 0; ; i++ {
		b.WriteString(text)
		fmt.Fprintf(&b, data, i)
		b.WriteByte(',')
		if b.Len()+len(text)+len(data)+len(tail) > size {
			break
		}
	}
	const open, end = `{"text":"`, `"}`
	rest := strings.Repeat("and one more seat for a colleague who comes later; ", size/50+1)
	b.WriteString(open + rest[:max(0, size-b.Len()-len(open)-len(end)-len(tail))] + end + tail)
	return []byte(b.String())
}
