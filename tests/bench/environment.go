package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// environment is what the figures depend on besides the code. It names no machine.
type environment struct {
	Date  string `json:"date"`
	Cores int    `json:"cores"`
	CPU   string `json:"cpu"`
	OS    string `json:"os"`
	Go    string `json:"go"`
	Envoy string `json:"envoy"`
	// Load is the load average of the minute before: what else kept the machine busy.
	Load string `json:"loadBefore"`
}

func (b *bench) environment(ctx context.Context) environment {
	return environment{
		Date:  time.Now().UTC().Format(time.DateOnly),
		Cores: runtime.NumCPU(),
		CPU:   cpuModel(readFile("/proc/cpuinfo")),
		OS:    runtime.GOOS + "/" + runtime.GOARCH,
		Go:    strings.TrimPrefix(runtime.Version(), "go"),
		Envoy: b.envoyVersion(ctx),
		Load:  firstField(readFile("/proc/loadavg")),
	}
}

// readFile returns an empty string for what cannot be read: these facts describe, they decide nothing.
func readFile(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstField(text string) string {
	if fields := strings.Fields(text); len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}

// envoyVersion returns the release of the Envoys; none takes part before they run.
func (b *bench) envoyVersion(ctx context.Context) string {
	if b.envoyPath == "" {
		return "none"
	}
	answer, err := exec.CommandContext(ctx, b.envoyPath, "--version").Output()
	if err != nil {
		return "unknown"
	}
	return release(string(answer))
}

// release returns the release from what Envoy says of its version: its path, and revision/release/status/kind/library.
func release(said string) string {
	_, version, _ := strings.Cut(said, "version: ")
	if parts := strings.Split(version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return "unknown"
}
