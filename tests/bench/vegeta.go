package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"
)

// vegetaModule is what scripts/bench installs.
const vegetaModule = "github.com/tsenart/vegeta/v12@v12.13.0"

// attack is one run of vegeta at a constant rate.
type attack struct {
	vegeta, targets string
	// dir takes the results while they are read.
	dir      string
	rate     int // requests per second
	duration time.Duration
}

// attacked is what one attack saw.
type attacked struct {
	succeeded, failed int
	// latencies are those of the successes after the first second, in which connections are made.
	latencies []time.Duration
}

func (a attack) run(ctx context.Context) (attacked, error) {
	results := filepath.Join(a.dir, "attack.bin")
	cmd := exec.CommandContext(ctx, a.vegeta, "attack", "-format=json", "-lazy", "-targets="+a.targets,
		fmt.Sprintf("-rate=%d/1s", a.rate), "-duration="+a.duration.String(), "-timeout=5s", "-http2=false", "-output="+results)
	if output, err := cmd.CombinedOutput(); err != nil {
		return attacked{}, fmt.Errorf("running vegeta: %w: %s", err, output)
	}
	encoded, err := exec.CommandContext(ctx, a.vegeta, "encode", "-to=json", results).Output()
	if err != nil {
		return attacked{}, fmt.Errorf("running vegeta encode: %w", err)
	}
	return parseAttacked(bytes.NewReader(encoded), time.Second)
}

// hit is one result in vegeta's JSON encoding.
type hit struct {
	Code      int           `json:"code"`
	Timestamp time.Time     `json:"timestamp"`
	Latency   time.Duration `json:"latency"`
	Error     string        `json:"error"`
	Body      []byte        `json:"body"`
}

// parseAttacked reads results one by one. It leaves out the latencies of those sent before warmup had passed.
func parseAttacked(r io.Reader, warmup time.Duration) (attacked, error) {
	var a attacked
	var began time.Time
	for decoder := json.NewDecoder(r); ; {
		var h hit
		if err := decoder.Decode(&h); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return attacked{}, fmt.Errorf("reading vegeta's results: %w", err)
		}
		if began.IsZero() {
			began = h.Timestamp
		}
		if !h.succeeded() {
			a.failed++
			continue
		}
		a.succeeded++
		if h.Timestamp.Sub(began) >= warmup {
			a.latencies = append(a.latencies, h.Latency)
		}
	}
	if len(a.latencies) == 0 {
		return attacked{}, fmt.Errorf("reading vegeta's results: no success after the first second; %d failures in all", a.failed)
	}
	return a, nil
}

// succeeded reports whether the agent answered: a denial is an error inside a 200.
func (h hit) succeeded() bool {
	return h.Code == http.StatusOK && h.Error == "" && !bytes.Contains(h.Body, []byte(`"error"`))
}
