package attack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/gate"
	"ringfence.dev/ringfence/internal/killswitch"
)

// TestStaleState cuts a process off from one bucket at a time. What it knows counts for a while; then it lets nothing
// through, and ends what is under way, as it cannot know what was revoked meanwhile.
func TestStaleState(t *testing.T) {
	t.Parallel()
	for _, bucket := range []string{agentsBucket, revokedBucket, trustBucket, killswitch.Bucket, gate.BucketName, didsBucket} {
		t.Run(bucket, func(t *testing.T) {
			under(t, nil, func(w *world) {
				first, second := w.replicas[0], w.start()
				w.pass(2 * time.Second)
				second.line.cut(bucket)
				w.pass(14 * time.Minute)
				second.send(w.sign(ask(amber))).allowed()
				open := w.streaming(second, ask(amber))
				w.pass(2 * time.Minute)
				open.cut("freshness", "state-stale")
				second.send(w.sign(ask(amber))).denied("freshness", "state-stale")
				first.send(w.sign(ask(amber))).allowed()
				second.line.mend(bucket)
				w.pass(time.Minute)
				second.send(w.sign(ask(amber))).allowed()
			})
		})
	}
}

// TestRevocationsDuringAnOutage revokes a key while a process is cut off: it is shut out there after the bound, and at once
// where the store is followed.
func TestRevocationsDuringAnOutage(t *testing.T) {
	under(t, func(w *world) { w.stale = time.Minute }, func(w *world) {
		first, second := w.replicas[0], w.start()
		w.pass(2 * time.Second)
		second.line.cut(agentsBucket, revokedBucket)
		w.must(first.agents.RevokeKey(w.Context(), amber, publicKey(amber).DID, "stolen"))
		first.send(w.sign(ask(amber))).denied("identity", "unknown-caller")
		w.pass(61 * time.Second)
		second.send(w.sign(ask(amber))).denied("freshness", "state-stale")
		second.line.mend(agentsBucket, revokedBucket)
		w.pass(time.Minute)
		second.send(w.sign(ask(amber))).denied("identity", "unknown-caller")
		second.send(w.sign(ask(mallory))).allowed()
	})
}

// TestStoreLost takes the whole store away: what needs a new nonce is denied at once, and everything after the bound.
func TestStoreLost(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		look := call{from: amber, to: cobalt, verb: "GET", below: "/tasks/t-1"}
		unrepeated := func() *wire {
			sig := w.plain(amber, "@method", "@authority", "@path")
			sig.params = nonces.ReplaceAllString(sig.params, "")
			sig.params = strings.Replace(sig.params, ";;", ";", 1)
			return w.sign(call{to: cobalt, verb: "GET", below: look.below}).by(sig)
		}
		card := func() *wire {
			return w.sign(call{to: cobalt, verb: "GET", below: "/.well-known/agent-card.json"})
		}
		r.send(w.sign(look)).allowed()
		r.send(unrepeated()).allowed()
		r.send(card()).allowed()
		r.line.cut(agentsBucket, revokedBucket, trustBucket, killswitch.Bucket, gate.BucketName, didsBucket, tasksBucket, noncesBucket, aheadBucket)
		r.send(w.sign(look)).denied("replay", "replay-undecided")
		r.send(card()).allowed()
		w.pass(16 * time.Minute)
		r.send(w.sign(look)).denied("replay", "replay-undecided")
		r.send(unrepeated()).denied("freshness", "state-stale")
		r.send(card()).denied("freshness", "state-stale")
	})
}

// TestUnreadableEntries spoils one entry of the store at a time.
func TestUnreadableEntries(t *testing.T) {
	t.Parallel()
	closed := func(w *world) {
		d := booking()
		d.From = amber
		w.accept(w.declare(d))
	}
	for _, c := range []struct {
		name           string
		prepare        func(w *world)
		call           func(w *world) call
		bucket, key    string
		factor, reason string
	}{
		{"agent", nil, nil, agentsBucket, string(amber), "identity", "unknown-caller"},
		{"callee", nil, nil, agentsBucket, string(basalt), "callee", "callee-unknown"},
		{"revocation", nil, nil, revokedBucket, publicKey(amber).Fragment(), "identity", "unknown-caller"},
		{"revoked-name", nil, nil, revokedBucket, string(amber), "identity", "unknown-caller"},
		{"trust-of-the-caller", nil, nil, trustBucket, string(amber), "standing", "caller-inactive"},
		{"trust-of-the-callee", nil, nil, trustBucket, string(basalt), "standing", "callee-inactive"},
		{"switch-of-the-agent", nil, nil, killswitch.Bucket, "agent." + string(amber), "standing", "caller-inactive"},
		{"switch-of-the-owner", nil, nil, killswitch.Bucket, "owner.b3duZXIgb2YgYW1iZXI", "standing", "caller-inactive"},
		{"switch-of-nobody-knows-whom", nil, nil, killswitch.Bucket, "elsewhere", "standing", "callee-inactive"},
		{"gate", closed, func(*world) call { return through(pay(amber), "booking") }, gate.BucketName, "booking", "delegation", "gate-closed"},
		{
			"did-document",
			func(w *world) { web(w) },
			func(*world) call { return byWeb("amber-web", "k1") },
			didsBucket, "agents.example/amber", "identity", "unknown-caller",
		},
	} {
		for i, garbage := range []string{"", "{", "null", `{"name":1}`, strings.Repeat("[", 1000), `{"version":2}`} {
			t.Run(fmt.Sprint(c.name, "-", i), func(t *testing.T) {
				under(t, nil, func(w *world) {
					first, second := w.replicas[0], w.start()
					w.pass(2 * time.Second)
					if c.prepare != nil {
						c.prepare(w)
					}
					request := func() call { return pay(amber) }
					if c.call != nil {
						request = func() call { return c.call(w) }
					}
					first.settled()
					for _, r := range []*replica{first, second} {
						r.send(w.sign(request())).allowed()
					}
					first.settled()
					w.put(c.bucket, c.key, garbage)
					for _, r := range []*replica{first, second} {
						r.send(w.sign(request())).denied(c.factor, c.reason)
					}
				})
			})
		}
	}
}

// TestUnreadableEpoch spoils what tells a memory of nonces that lost nothing: what may have been used counts no more.
func TestUnreadableEpoch(t *testing.T) {
	under(t, nil, func(w *world) {
		r := w.replicas[0]
		held := w.sign(ask(amber))
		r.send(w.sign(ask(amber))).allowed()
		b, err := w.store.Volatile(w.Context(), noncesBucket)
		w.must(err)
		_, err = b.Put(w.Context(), "epoch", nil)
		w.must(err)
		r.send(held).denied("replay", "before-boot")
		w.pass(2 * time.Second)
		r.send(w.sign(ask(amber))).allowed()
	})
}

// TestUnreadableTasks spoils whose a task is: then it is nobody's.
func TestUnreadableTasks(t *testing.T) {
	under(t, nil, func(w *world) {
		first := w.replicas[0]
		begun := w.begin(first, first, w.sign(ask(amber))).allowed()
		begun.reply(200, "application/json", `{"jsonrpc":"2.0","id":"r1","result":{"task":{"id":"t-1","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}}`)
		begun.close()
		w.pass(2 * time.Second)
		look := func(from agent.ID) call {
			return call{from: from, to: cobalt, body: `{"jsonrpc":"2.0","id":"r1","method":"GetTask","params":{"id":"t-1"}}`}
		}
		first.send(w.sign(look(amber))).allowed()
		first.send(w.sign(look(mallory))).denied("task", "task-not-found")
		b, err := w.store.Bucket(w.Context(), tasksBucket)
		w.must(err)
		events, err := b.Watch(w.Context())
		w.must(err)
		for e := range events {
			if e.Synced {
				break
			}
			w.put(tasksBucket, e.Key, "{")
		}
		first.kill()
		second := w.start()
		w.pass(2 * time.Second)
		for _, name := range []agent.ID{amber, mallory} {
			if c := second.send(w.sign(look(name))); c.passed {
				t.Errorf("%s sees a task of which nobody can read whose it is", name)
			}
		}
		second.send(w.sign(ask(amber))).allowed()
	})
}
