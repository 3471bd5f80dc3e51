package envoy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAdminAnswer bounds one answer of the admin interface; a configuration dump of ten thousand agents is below it.
const maxAdminAnswer = 256 << 20

// Admin is a client of Envoy's admin interface.
type Admin struct {
	address string
	client  *http.Client
}

// NewAdmin returns a client of the admin interface at address, which is host:port.
func NewAdmin(address string) *Admin {
	// Kept connections would outlive the Envoy that they lead to.
	return &Admin{address: address, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Get returns the answer to GET path, such as "/config_dump". A status other than 200 is an error.
func (a *Admin) Get(ctx context.Context, path string) ([]byte, error) {
	return a.do(ctx, http.MethodGet, path)
}

// Post returns the answer to POST path, such as "/drain_listeners?graceful". A status other than 200 is an error.
func (a *Admin) Post(ctx context.Context, path string) ([]byte, error) {
	return a.do(ctx, http.MethodPost, path)
}

func (a *Admin) do(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.address+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking Envoy's admin interface: %w", err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking Envoy's admin interface: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAdminAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading from Envoy's admin interface: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the admin interface of Envoy answers %s with status %d", request.URL.Path, response.StatusCode)
	}
	return body, nil
}

// Ready returns nil once Envoy serves with a complete configuration, and an error until then.
func (a *Admin) Ready(ctx context.Context) error {
	_, err := a.Get(ctx, "/ready")
	return err
}

// ErrNoListener reports that Envoy has no listener of the name asked for, or none yet.
var ErrNoListener = errors.New("no listener of that name")

// ListenerAddress returns the host:port on which the named listener listens, with the port that a listener on port 0
// was given. Without such a listener the error is [ErrNoListener].
func (a *Admin) ListenerAddress(ctx context.Context, name string) (string, error) {
	body, err := a.Get(ctx, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	var answer struct {
		Listeners []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    uint16 `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("reading Envoy's listeners: %w", err)
	}
	for _, listener := range answer.Listeners {
		if socket := listener.Address.Socket; listener.Name == name && socket.Port != 0 {
			return net.JoinHostPort(socket.Address, strconv.Itoa(int(socket.Port))), nil
		}
	}
	return "", ErrNoListener
}

// Stats returns the counters and gauges whose names the regular expression matches anywhere.
func (a *Admin) Stats(ctx context.Context, pattern string) (map[string]uint64, error) {
	body, err := a.Get(ctx, "/stats?format=json&filter="+url.QueryEscape(pattern))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("reading Envoy's statistics: %w", err)
	}
	stats := make(map[string]uint64, len(answer.Stats))
	for _, stat := range answer.Stats {
		// Histograms and text readouts stand in the same list without a number.
		if value, err := strconv.ParseUint(string(stat.Value), 10, 64); err == nil {
			stats[stat.Name] = value
		}
	}
	return stats, nil
}

// activeRequests returns how many requests of clients are in flight.
func (a *Admin) activeRequests(ctx context.Context) (uint64, error) {
	stats, err := a.Stats(ctx, `^http\..*\.downstream_rq_active$`)
	if err != nil {
		return 0, err
	}
	var active uint64
	for name, value := range stats {
		// The request that asks is itself in flight.
		if !strings.HasPrefix(name, "http.admin.") {
			active += value
		}
	}
	return active, nil
}

const pollInterval = 10 * time.Millisecond

// poll calls attempt until it returns nil. When ctx ends first it returns the last error that did not come of that.
func poll(ctx context.Context, attempt func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		if last != nil && ctx.Err() != nil {
			return last
		}
		last = err
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}
