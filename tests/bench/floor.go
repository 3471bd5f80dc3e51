package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The sides of the floor: an Envoy asks as it does in a shape, and is told to go on at once. floorStream is asked about the pieces
// of answers too.
const (
	floorSplit  side = "floor-split"
	floorFused  side = "floor-fused"
	floorStream side = "floor-stream"
)

// floors are what asking costs, whatever is decided.
type floors struct {
	// Runs are those at saturation, Held those at half of what the side managed.
	Runs    runs          `json:"runs"`
	Held    map[side]runs `json:"held"`
	Streams streams       `json:"streams"`
}

// floorEnvoy is an Envoy with a listener for each side, and the service that it asks.
type floorEnvoy struct {
	asking
	service *child
	targets map[side]target
}

func (e *floorEnvoy) stop() {
	e.asking.stop()
	if e.service != nil {
		e.service.stop()
	}
}

// startFloor starts the service, and an Envoy with as many workers as the governed one.
func (b *bench) startFloor(ctx context.Context) (_ *floorEnvoy, err error) {
	e := &floorEnvoy{targets: map[side]target{}}
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the floor: %w", err)
	}
	socket := ""
	if e.service, socket, err = startSpeaking("the floor", exec.Command(self, floorCommand, filepath.Join(b.dir, "floor.sock"))); err != nil {
		return nil, err
	}
	ports := map[side]int{}
	for _, s := range []side{floorSplit, floorFused, floorStream} {
		port, url, err := e.listen()
		if err != nil {
			return nil, err
		}
		ports[s], e.targets[s] = port, target{side: s, url: url}
	}
	bootstrap, err := floorBootstrap(b.agentURL, socket, ports)
	if err != nil {
		return nil, err
	}
	if e.Instance, err = b.startStatic(ctx, "floor", bootstrap); err != nil {
		return nil, err
	}
	for s, t := range e.targets {
		t.processes = map[string]int{procEnvoy: e.PID(), procFloor: e.service.Process.Pid, procAgent: b.agent.Process.Pid}
		e.targets[s] = t
	}
	return e, nil
}

// measureFloors drives the bare side and those of the floor as the governed ones are driven.
func measureFloors(ctx context.Context, b *bench, p plan, r *results) error {
	e, err := b.startFloor(ctx)
	if err != nil {
		return err
	}
	defer e.stop()
	done := floors{Held: map[side]runs{}}
	asked := []side{floorSplit, floorFused}
	c := b.messages(p, nil, bodySize, p.saturation)
	for _, s := range asked {
		c.contenders = append(c.contenders, contender{target: e.targets[s], records: c.contenders[0].records, wrap: true})
	}
	if done.Runs, err = b.saturate(ctx, c); err != nil {
		return err
	}
	for _, s := range asked {
		if done.Held[s], err = b.hold(ctx, p, e.targets[s], halfLoad(done.Runs, s)); err != nil {
			return err
		}
	}
	done.Streams, err = b.stream(ctx, p, []target{b.bare.target(b.agent.Process.Pid), e.targets[floorStream]})
	r.Floors = &done
	return err
}

// floorBootstrap returns the configuration of an Envoy whose listeners ask the service in different ways.
func floorBootstrap(agentURL, socket string, ports map[side]int) ([]byte, error) {
	check := checks(procFloor, true, nil)
	whole := checks(procFloor, true, object{
		"with_request_body": object{"max_request_bytes": 32 << 10, "allow_partial_message": true, "pack_as_bytes": true},
	})
	process := func(header, body, trailer string) object {
		return object{"name": "envoy.filters.http.ext_proc", "typed_config": object{
			"@type":        typeURL + "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
			"grpc_service": asks(procFloor), "failure_mode_allow": false, "message_timeout": "5s",
			"processing_mode": object{
				"request_header_mode": "SEND", "request_body_mode": "BUFFERED", "request_trailer_mode": "SKIP",
				"response_header_mode": header, "response_body_mode": body, "response_trailer_mode": trailer,
			},
		}}
	}
	return staticBootstrap(agentURL, map[string]string{procFloor: socket}, []object{
		plainListener(string(floorSplit), ports[floorSplit], nil, check, process("SKIP", "NONE", "SKIP")),
		plainListener(string(floorFused), ports[floorFused], nil, whole),
		plainListener(string(floorStream), ports[floorStream], nil, check, process("SEND", "FULL_DUPLEX_STREAMED", "SEND")),
	})
}

// floorFigures say what asking costs, whatever is decided.
func floorFigures(f *floors) []figure {
	if f == nil {
		return nil
	}
	var list []figure
	for _, s := range f.Runs.governed() {
		list = append(list, newFigure(string(s)+"-throughput-ratio", median(f.Runs.ratios(s, bare)), "of bare"))
		list = append(list, cpuFigures(f.Runs.of(s), string(s)+"-cpu-")...)
		held := f.Held[s]
		list = append(list,
			newFigure(string(s)+"-half-load", held.of(s).median(func(one run) float64 { return float64(one.Offered) }), "requests/s"),
			newFigure(string(s)+"-half-load-added-p50", median(held.added(s, p50)), "ms"),
			newFigure(string(s)+"-half-load-added-p99", median(held.added(s, p99)), "ms"))
		list = append(list, cpuFigures(held.of(s), string(s)+"-half-load-cpu-")...)
	}
	return append(list, newFigure(string(floorStream)+"-event-added-p50",
		median(pairwise(f.Streams.of(floorStream, eventP50), f.Streams.of(bare, eventP50), difference)), "ms"))
}

func eventP50(s streamed) float64 { return s.Event.P50 }
