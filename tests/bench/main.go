// Command bench measures what governance costs and how soon a registration works. It runs one Envoy bare and one
// governed, drives both in turn with the same signed requests, and writes what it saw: raw results, figures with
// their marks, and the tables of docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// plan is how much is measured.
type plan struct {
	// rounds is how often bare and governed take turns.
	rounds int
	// saturation and steady are how long each side is driven per round: as fast as it goes, and at a constant rate.
	saturation, steady time.Duration
	// connections are open at once at saturation.
	connections int
	// agents are registered before registrations more are timed, one by one.
	agents, registrations int
	// pause is between two calls to an agent whose route is awaited. Without one the calls compete with the
	// registration for the cores.
	pause time.Duration
}

var (
	full  = plan{rounds: 5, saturation: 5 * time.Second, steady: 8 * time.Second, connections: 32, agents: 1000, registrations: 100}
	brief = plan{rounds: 2, saturation: time.Second, steady: 2 * time.Second, connections: 32, agents: 20, registrations: 10}
)

func main() {
	// The agent under load is this program too, in a process of its own so that its CPU time can be told apart.
	if len(os.Args) == 2 && os.Args[1] == agentCommand {
		if err := serveAgent(); err != nil {
			fail(err)
		}
		return
	}
	short := flag.Bool("short", false, "measure briefly, to see that the tool works, and write nothing")
	render := flag.Bool("render", false, "measure nothing: write figures and tables anew from the raw results")
	pause := flag.Duration("pause", 5*time.Millisecond, "pause between two calls to an agent whose new route is awaited")
	root := flag.String("root", ".", "directory of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := full
	if *short {
		p = brief
	}
	p.pause = *pause
	at := newPlaces(*root)
	var err error
	if *render {
		err = renderAgain(at)
	} else {
		err = execute(ctx, at, p, !*short)
	}
	if err != nil {
		stop()
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// renderAgain publishes what an earlier run measured.
func renderAgain(at places) error {
	r, err := loadResults(at.results)
	if err != nil {
		return err
	}
	return at.publish(r)
}

// execute measures and prints the figures; keep saves and publishes them too.
func execute(ctx context.Context, at places, p plan, keep bool) error {
	r, err := measure(ctx, at, p)
	if err != nil {
		return err
	}
	fmt.Print("\n", figuresText(summarize(r)))
	if !keep {
		fmt.Println("\nA short run is no measurement: nothing was written.")
		return nil
	}
	if err := r.save(at.results); err != nil {
		return err
	}
	return at.publish(r)
}

// measure runs the parts one after the other; those that need a mesh have one to themselves.
func measure(ctx context.Context, at places, p plan) (results, error) {
	reading := reads(p.rounds)
	deciding, err := decides(p.rounds)
	if err != nil {
		return results{}, err
	}
	judging, err := judges(p.rounds)
	if err != nil {
		return results{}, err
	}
	inspecting, err := inspects(at.root, p.rounds)
	if err != nil {
		return results{}, err
	}
	runtime.GC() // what policies and rules have left is not the mesh's
	b, err := startBench(ctx, at)
	if err != nil {
		return results{}, err
	}
	defer b.stop()
	r := results{Environment: b.environment(ctx), Reading: reading, Deciding: deciding, Judging: &judging, Inspecting: &inspecting}
	fmt.Printf("%s\n\n", r.Environment)
	saturated, err := b.saturate(ctx, p)
	if err != nil {
		return results{}, err
	}
	rate := halfLoad(saturated)
	steady, err := b.hold(ctx, p, rate)
	if err != nil {
		return results{}, err
	}
	r.Runs = append(saturated, steady...)
	if r.Propagation, err = b.propagate(ctx, p); err != nil {
		return results{}, err
	}
	return r, nil
}
