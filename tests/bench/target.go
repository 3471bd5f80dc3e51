package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// target is one side as it is driven and watched.
type target struct {
	side side
	// url is where its Envoy takes traffic.
	url string
	// processes take part in it, and metrics is the URL of Ringfence's metrics where it does too.
	processes map[string]int
	metrics   string
}

// spent is what a piece of work cost.
type spent struct {
	// cpu is that of each process in microseconds, allocations the objects that Ringfence made.
	cpu         map[string]float64
	allocations float64
}

// watch returns what the processes of a target spend while work is done.
func (t target) watch(ctx context.Context, work func() error) (spent, error) {
	objects, err := t.allocations(ctx)
	if err != nil {
		return spent{}, err
	}
	before, err := cpuTimes(t.processes)
	if err != nil {
		return spent{}, err
	}
	if err := work(); err != nil {
		return spent{}, fmt.Errorf("%s: %w", t.side, err)
	}
	after, err := cpuTimes(t.processes)
	if err != nil {
		return spent{}, err
	}
	later, err := t.allocations(ctx)
	if err != nil {
		return spent{}, err
	}
	s := spent{cpu: make(map[string]float64, len(after)), allocations: later - objects}
	for name, used := range after {
		s.cpu[name] = float64((used - before[name]).Microseconds())
	}
	return s, nil
}

// allocatedMetric counts the objects that a process has allocated on its heap, as Go's runtime does.
const allocatedMetric = "go_memstats_mallocs_total"

// allocations returns how many objects Ringfence has allocated so far; 0 where it takes no part. The answer costs the
// process a few thousand, which the requests of a run outnumber by far.
func (t target) allocations(ctx context.Context) (float64, error) {
	if t.metrics == "" {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.metrics, nil)
	if err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	status, page, err := exchange(r)
	if err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("reading metrics: status %d: %w", status, err)
	}
	return metric(string(page), allocatedMetric)
}

// metric returns the value of a metric without labels from a page in Prometheus's text form.
func metric(page, name string) (float64, error) {
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("reading metrics: there is no %s", name)
}

// residentMiB returns the memory of a process that is resident now, and the most that ever was.
func residentMiB(pid int) (now, most float64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading memory: %w", err)
	}
	defer file.Close()
	found := map[string]float64{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading memory: %w", err)
		}
		found[name] = kilobytes / 1024
	}
	if len(found) != 2 {
		return 0, 0, fmt.Errorf("reading memory: %d of two values are there", len(found))
	}
	return found["VmRSS"], found["VmHWM"], nil
}
