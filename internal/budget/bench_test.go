package budget_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"ringfence.dev/ringfence/internal/budget"
	"ringfence.dev/ringfence/internal/store"
	"ringfence.dev/ringfence/internal/store/storetest"
)

func BenchmarkTakeAlone(b *testing.B) {
	m := alone(b, 0)
	draws := make([][]budget.Draw, 1000)
	for i := range draws {
		draws[i] = []budget.Draw{rate(fmt.Sprint("agent-", i), 1_000_000, time.Second, 1_000_000), underWay(fmt.Sprint("agent-", i), 100)}
	}
	b.ReportAllocs()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for i := int(next.Add(7919)); pb.Next(); i++ {
			mine := draws[i%len(draws)]
			if m.Take(b.Context(), mine, noon.Add(time.Duration(i))).OK {
				m.Leave(mine)
			}
		}
	})
}

// BenchmarkTakeOneAlone is one limit of calls in a time.
func BenchmarkTakeOneAlone(b *testing.B) {
	m := alone(b, 0)
	draws := make([][]budget.Draw, 1000)
	for i := range draws {
		draws[i] = []budget.Draw{rate(fmt.Sprint("agent-", i), 1_000_000, time.Second, 1_000_000)}
	}
	b.ReportAllocs()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for i := int(next.Add(7919)); pb.Next(); i++ {
			m.Take(b.Context(), draws[i%len(draws)], noon.Add(time.Duration(i)))
		}
	})
}

// BenchmarkTakeShared counts in a NATS server over loopback: one limit that all calls share.
func BenchmarkTakeShared(b *testing.B) {
	m := client(b, storetest.StartServer(b, &server.Options{StoreDir: b.TempDir()}).ClientURL(), "one", time.Now)
	draws := []budget.Draw{rate("k", 1_000_000, time.Second, 1_000_000)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Take(b.Context(), draws, time.Now())
		}
	})
}

// BenchmarkTakeSharedSlow is the most expensive case: a limit of which a process never holds more than it needs.
func BenchmarkTakeSharedSlow(b *testing.B) {
	m := client(b, storetest.StartServer(b, &server.Options{StoreDir: b.TempDir()}).ClientURL(), "one", time.Now)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Take(b.Context(), []budget.Draw{rate(fmt.Sprint(i/1000), 1, time.Second, 1000)}, time.Now())
	}
}

// BenchmarkShare has several processes, each with a connection of its own to a NATS server, ask for more than a limit
// lets through, for two seconds each time. It reports which part of Burst + Limit·t they get together (of-limit), by how
// many calls they are above the bound at the worst moment (over), which part the least served one has of an equal share
// (least).
func BenchmarkShare(b *testing.B) {
	for _, processes := range []int{1, 2, 4} {
		for _, d := range []budget.Draw{
			rate("small", 300, time.Minute, 5), rate("usual", 50, time.Second, 100), rate("large", 2000, time.Second, 500),
			rate("no-burst", 1000, time.Second, 1),
		} {
			b.Run(fmt.Sprintf("%s-%d", d.Key, processes), func(b *testing.B) {
				url := storetest.StartServer(b, &server.Options{StoreDir: b.TempDir()}).ClientURL()
				var meters []*budget.Meter
				for i := range processes {
					meters = append(meters, client(b, url, strconv.Itoa(i), time.Now))
				}
				for i := 0; b.Loop(); i++ {
					d.Key = strconv.Itoa(i)
					share(b, meters, d)
				}
			})
		}
	}
}

func share(b *testing.B, meters []*budget.Meter, d budget.Draw) {
	b.Helper()
	const span = 2 * time.Second
	var group sync.WaitGroup
	passed := make([][]time.Duration, len(meters))
	began := time.Now()
	for i, m := range meters {
		group.Go(func() {
			for next := began; time.Since(began) < span; next = next.Add(200 * time.Microsecond) {
				if !store.Pause(b.Context(), max(time.Until(next), 0)) {
					return
				}
				now := time.Now()
				if m.Take(b.Context(), []budget.Draw{d}, now).OK {
					passed[i] = append(passed[i], now.Sub(began))
				}
			}
		})
	}
	group.Wait()
	most := float64(d.Burst) + float64(d.Limit)*float64(span)/float64(d.Per)
	least := len(passed[0])
	for _, p := range passed {
		least = min(least, len(p))
	}
	all := slices.Concat(passed...)
	slices.Sort(all)
	owed, last, over := 0.0, time.Duration(0), 0.0
	for _, at := range all {
		owed = max(owed-float64(at-last)*float64(d.Limit)/float64(d.Per), 0) + 1
		last, over = at, max(over, owed-float64(d.Burst))
	}
	b.ReportMetric(float64(len(all))/most, "of-limit")
	b.ReportMetric(over, "over")
	b.ReportMetric(float64(least*len(meters))/float64(len(all)), "least")
}
