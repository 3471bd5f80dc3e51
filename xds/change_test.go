package xds_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

func TestChangesUnderLoad(t *testing.T) {
	for _, api := range []string{"DELTA_GRPC", "GRPC"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, "steady")
			steady, other := record("steady", rpc, u.URL), newUpstream(t, "other")
			b := start(t, api, steady)
			done := make(chan struct{})
			var load sync.WaitGroup
			for range 4 {
				load.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						if got, err := b.try("POST", "gateway.example", "/agents/steady", "{}"); err != nil || got.Status != 200 {
							t.Errorf("a request failed while agents changed: %v %d %s", err, got.Status, got.Body)
							return
						}
					}
				})
			}
			for i := range 20 {
				name := agent.ID(fmt.Sprintf("guest-%d", i))
				b.publish(steady, record(name, rpc, other.URL))
				b.await("the new route", func() (string, bool) {
					got := b.call("POST", "gateway.example", "/agents/"+string(name), "{}")
					if got.Status != 200 && got.Status != 404 {
						t.Errorf("the new route answered %d %s", got.Status, got.Body)
					}
					return "", got.Status == 200
				})
				b.publish(steady)
				b.await("the route's end", func() (string, bool) {
					got := b.call("POST", "gateway.example", "/agents/"+string(name), "{}")
					if got.Status == 503 {
						t.Errorf("the cluster went before its routes: %s", got.Body)
					}
					return "", got.Status == 404
				})
			}
			close(done)
			load.Wait()
			if rejections := b.publisher.Status().Rejections; len(rejections) > 0 {
				t.Errorf("Envoy rejected %v", rejections)
			}
		})
	}
}

// TestMovedAgent moves an agent to another origin while it is called.
func TestMovedAgent(t *testing.T) {
	t.Parallel()
	u, v := newUpstream(t, "old"), newUpstream(t, "new")
	b := start(t, "DELTA_GRPC", record("mover", rpc, u.URL))
	done := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if got := b.call("POST", "mover.mesh.local", "/", "{}"); got.Status != 200 {
				t.Errorf("a call failed while the agent moved: %d %s", got.Status, got.Body)
				return
			}
		}
	})
	for range 10 {
		b.publish(record("mover", rpc, v.URL))
		b.publish(record("mover", rpc, u.URL))
	}
	close(done)
	load.Wait()
}

func TestManyAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("takes an Envoy with many agents")
	}
	u := newUpstream(t, "u")
	var records []*agent.Record
	for i := range 2000 {
		records = append(records, record(agent.ID(fmt.Sprintf("a%d", i)), rpc, fmt.Sprintf("%s/%d", u.URL, i)))
	}
	b := start(t, "DELTA_GRPC", records...)
	for _, i := range []int{0, 1, 19, 199, 1999, 10, 100, 1000} {
		for path, host := range map[string]string{fmt.Sprintf("/agents/a%d", i): "gateway.example", "/": fmt.Sprintf("a%d.mesh.local", i)} {
			if got, want := b.call("POST", host, path, "").seen(t).URI, fmt.Sprintf("/%d", i); got != want {
				t.Errorf("%s%s reached %s, want %s", host, path, got, want)
			}
		}
	}
	if got := b.call("POST", "gateway.example", "/agents/a2000", ""); got.Status != 404 {
		t.Errorf("an unknown agent among many answered %d", got.Status)
	}
}

func TestAccessLogIsWritten(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, "weather")
	path := filepath.Join(t.TempDir(), "access.log")
	b := startWith(t, "DELTA_GRPC", func(s *settingsValue) { s.AccessLog = path }, record("weather", rpc, u.URL))
	b.call("POST", "gateway.example", "/agents/weather?secret=1", "{}")
	line := b.await("a log line", func() (string, bool) { return readLine(path) })
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	cluster, _ := entry["cluster"].(string)
	if !strings.HasPrefix(cluster, "agent/weather/") || entry["status"] != float64(200) || strings.Contains(line, "secret") {
		t.Errorf("got %s", line)
	}
}
