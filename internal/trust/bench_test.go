package trust

import (
	"fmt"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/agent"
)

// benchLedger has histories of 1000 agents, some evidence of either kind in each.
func benchLedger(b *testing.B) (*Ledger, *agent.Record) {
	b.Helper()
	bucket, agents := newBucket(b), newDirectory()
	for i := range 1000 {
		name := agent.ID(fmt.Sprintf("agent-%d", i))
		agents.add(name, "team", agent.TrustUser)
		h := (&History{}).append(DefaultRules(), []Event{registered(agent.TrustUser), good("bank", start), good("shop", start), bad(ContentLow, "bank", start)})
		value, err := h.encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bucket.Put(b.Context(), string(name), value); err != nil {
			b.Fatal(err)
		}
	}
	record, _ := agents.agent("agent-7")
	return open(b, settings(bucket, agents)), record
}

func BenchmarkStanding(b *testing.B) {
	l, record := benchLedger(b)
	benchStanding(b, l, record)
}

// BenchmarkStandingWhileHeld has others quarantined that the store does not have yet.
func BenchmarkStandingWhileHeld(b *testing.B) {
	l, record := benchLedger(b)
	for i := range 100 {
		l.held.hold(agent.ID(fmt.Sprintf("held-%d", i)), &Event{Kind: LinkForged, At: start})
	}
	benchStanding(b, l, record)
}

func benchStanding(b *testing.B, l *Ledger, record *agent.Record) {
	b.Helper()
	now := time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if l.Image().Standing(record, now).Score == 0 {
				b.Fail()
			}
		}
	})
}

func BenchmarkObserveSuppressed(b *testing.B) {
	l, record := benchLedger(b)
	s := Signal{Agent: record.Name, Counterparty: "bank", Kind: Completed, Exchange: "d-1", At: time.Now().Unix()}
	l.Observe(s)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Observe(s)
		}
	})
}

func BenchmarkDecodeHistory(b *testing.B) {
	h := (&History{}).append(DefaultRules(), []Event{registered(agent.TrustUser)})
	for i := range maxEvents - 1 {
		h = h.append(DefaultRules(), []Event{good(agent.ID(fmt.Sprintf("peer-%d", i)), start+int64(i)*997)})
	}
	value, err := h.encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeHistory(value); err != nil {
			b.Fatal(err)
		}
	}
}
