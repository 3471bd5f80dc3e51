package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"ringfence.dev/ringfence/envoy"
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
		Envoy: envoyVersion(ctx, b.bare.Admin()),
		Load:  firstField(readFile("/proc/loadavg")),
	}
}

func (e environment) String() string {
	return fmt.Sprintf("Measured on %s: %d cores (%s), %s, Go %s, Envoy %s, load average before: %s.",
		e.Date, e.Cores, e.CPU, e.OS, e.Go, e.Envoy, e.Load)
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

// envoyVersion returns the release from revision/release/status/kind/library, as the admin interface names it.
func envoyVersion(ctx context.Context, admin *envoy.Admin) string {
	answer, err := admin.Get(ctx, "/server_info")
	if err != nil {
		return "unknown"
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(answer, &info); err != nil {
		return "unknown"
	}
	if parts := strings.Split(info.Version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return "unknown"
}
