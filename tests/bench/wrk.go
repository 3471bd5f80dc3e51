package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

//go:embed replay.lua
var replayScript []byte

// replayed is what replay.lua reports of one run. Times are in microseconds.
type replayed struct {
	Requests     int     `json:"requests"`
	Micros       float64 `json:"micros"`
	Failed       int     `json:"failed"`
	SocketErrors int     `json:"socketErrors"`
	Exhausted    int     `json:"exhausted"`
	P50          float64 `json:"p50"`
	P90          float64 `json:"p90"`
	P99          float64 `json:"p99"`
	Max          float64 `json:"max"`
}

// reportMark begins the line of wrk's output that replay.lua writes.
const reportMark = "\nbench: "

// errExhausted reports that a run ended for want of requests.
var errExhausted = errors.New("the requests signed for this run did not last")

// parseReplayed reads wrk's output. A run that ended for want of requests is an error: wrk counts the whole
// duration all the same, so its rate would be too low.
func parseReplayed(output []byte) (replayed, error) {
	_, line, ok := bytes.Cut(output, []byte(reportMark))
	if !ok {
		return replayed{}, fmt.Errorf("reading wrk's output: no report in %q", output)
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	var r replayed
	if err := json.Unmarshal(line, &r); err != nil {
		return replayed{}, fmt.Errorf("reading wrk's output: %w", err)
	}
	switch {
	case r.Exhausted > 0:
		return replayed{}, errExhausted
	case r.Requests <= 0 || r.Micros <= 0:
		return replayed{}, errors.New("wrk completed no request")
	}
	return r, nil
}

// drive is one run of wrk.
type drive struct {
	url         string
	script      string
	records     string
	wrap        bool
	connections int
	duration    time.Duration
}

// run drives with one thread and returns the report and the CPU time that wrk itself took.
func (d drive) run(ctx context.Context) (replayed, time.Duration, error) {
	seconds := strconv.Itoa(max(1, int(d.duration/time.Second))) + "s"
	args := []string{"-t1", "-c" + strconv.Itoa(d.connections), "-d" + seconds, "-s", d.script, d.url, "--", d.records}
	if d.wrap {
		args = append(args, "wrap")
	}
	cmd := exec.CommandContext(ctx, "wrk", args...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return replayed{}, 0, fmt.Errorf("running wrk: %w: %s", err, output)
	}
	r, err := parseReplayed(output)
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}
