package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"

	"ringfence.dev/ringfence/extauthz"
)

// The sides of the comparison with the peer. What is anonymous reads the agent's card, which needs no signature; what is
// signed is a message. Both services are asked about the same bytes.
const (
	ringfenceAnonymous side = "ringfence-anonymous"
	opaAnonymous       side = "opa-anonymous"
	ringfenceSigned    side = "ringfence-signed"
	opaSigned          side = "opa-signed"
)

// roleHeader is what the peer's rule reads beside verb and path.
const roleHeader, role = "X-Role", "operator"

// measureHeaders drives two listeners of one Envoy that ask Ringfence and the peer about headers, and nobody about bodies.
func measureHeaders(ctx context.Context, b *bench, p plan, r *results) error {
	peer, peerSocket, err := startSpeaking("the peer", exec.Command(b.at.opa, filepath.Join(b.dir, "opa.sock")))
	if err != nil {
		return fmt.Errorf("%w (scripts/bench builds it)", err)
	}
	defer peer.stop()
	g := b.gateways[0]
	e, err := b.startHeaders(ctx, g.ready.Socket, peerSocket)
	if err != nil {
		return err
	}
	defer e.stop()
	agentPID := b.agent.Process.Pid
	ringfence := target{
		url: e.ringfence, metrics: g.ready.APIURL + "/metrics",
		processes: map[string]int{procEnvoy: e.PID(), procRingfence: g.process.Process.Pid, procAgent: agentPID},
	}
	opa := target{url: e.opa, processes: map[string]int{procEnvoy: e.PID(), procOPA: peer.Process.Pid, procAgent: agentPID}}
	cards, messages := filepath.Join(b.dir, "cards.bin"), filepath.Join(b.dir, "headers.bin")
	as := func(t target, s side, records string, wrap bool) contender {
		t.side = s
		return contender{target: t, records: records, wrap: wrap}
	}
	r.Headers, err = b.saturate(ctx, contest{
		rounds: p.rounds, warmup: p.warmup, duration: p.checked, connections: p.connections, first: p.guess,
		contenders: []contender{
			as(ringfence, ringfenceAnonymous, cards, true), as(opa, opaAnonymous, cards, true),
			as(ringfence, ringfenceSigned, messages, false), as(opa, opaSigned, messages, true),
		},
		prepare: func(n int) error {
			requests, err := b.caller.batch(b.url(callee), n, bodySize)
			if err != nil {
				return err
			}
			for _, one := range requests {
				one.header.Set(roleHeader, role)
			}
			card := request{method: http.MethodGet, path: cardPath, header: http.Header{"Accept": {"application/json"}, roleHeader: {role}}}
			if err := writeRecords(cards, b.host(), []request{card}); err != nil {
				return err
			}
			return writeRecords(messages, b.host(), requests)
		},
	})
	return err
}

// headersEnvoy is an Envoy with a listener for each service. It asks them about headers alone.
type headersEnvoy struct {
	asking
	ringfence, opa string
}

// startHeaders starts an Envoy that asks the services on their sockets. It has as many workers as the governed one.
func (b *bench) startHeaders(ctx context.Context, ringfence, opa string) (_ *headersEnvoy, err error) {
	e := &headersEnvoy{}
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	list := []checked{{name: procRingfence, service: ringfence, raw: true}, {name: procOPA, service: opa}}
	for i, url := range []*string{&e.ringfence, &e.opa} {
		if list[i].port, *url, err = e.listen(); err != nil {
			return nil, err
		}
	}
	bootstrap, err := headersBootstrap(b.agentURL, list)
	if err != nil {
		return nil, err
	}
	if e.Instance, err = b.startStatic(ctx, "headers", bootstrap); err != nil {
		return nil, err
	}
	return e, nil
}

// checked is a listener of which a service on a Unix socket is asked. Ringfence takes header fields raw, as signatures cover
// their bytes; services such as the peer are written for the map that Envoy sends otherwise.
type checked struct {
	name, service string
	port          int
	raw           bool
}

// headersBootstrap returns the configuration of an Envoy whose listeners differ in the service that they ask alone.
func headersBootstrap(agentURL string, list []checked) ([]byte, error) {
	services, listeners := map[string]string{}, []object{}
	for _, one := range list {
		services[one.name] = one.service
		listeners = append(listeners, one.listener())
	}
	return staticBootstrap(agentURL, services, listeners)
}

func (c checked) listener() object {
	settings := object{"envoy.filters.http.ext_authz": object{
		"@type":          typeURL + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
		"check_settings": object{"context_extensions": object{extauthz.FormExtension: extauthz.PathForm}},
	}}
	return plainListener(c.name, c.port, settings, checks(c.name, c.raw, nil))
}
