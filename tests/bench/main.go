// Command bench measures what governance costs and how soon a registration works. It runs one Envoy bare and one governed
// in each shape, drives them in turn with the same signed requests, and writes what it saw: raw results, figures with
// their marks, and the tables and the chart of docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// plan is how much is measured.
type plan struct {
	// settle is how long all that runs is left alone first. For 20 s after its start, Ringfence looks every proof up on disk,
	// as it may have seen it before.
	settle time.Duration
	// rounds is how often sides take turns, after one that does not count where warmup says so.
	rounds int
	warmup bool
	// short leaves out what takes long to prepare.
	short bool
	// guess is how many requests are signed before any rate is known.
	guess int
	// shapes are the governed sides that are driven, and scaled is the one that more and more agents are registered at.
	shapes []side
	scaled side
	// saturation, sized and checked are how long each side is driven per round as fast as it goes: with ordinary messages,
	// with larger ones or to many agents, and with checks of headers alone. steady is for how long at a constant rate, and
	// streamed for how long event streams are begun.
	saturation, sized, checked, steady, streamed time.Duration
	// connections are open at once at saturation.
	connections int
	// callers call once each, those of all rounds together.
	callers int
	// agents are the numbers of agents that are registered, registrations those that are timed at each, one by one, and
	// background is the load meanwhile, in requests per second.
	agents                    []int
	registrations, background int
	// pause is between two calls to an agent whose route is awaited. Without one the calls compete with the
	// registration for the cores.
	pause time.Duration
}

var (
	full = plan{
		settle: 25 * time.Second, scaled: splitAnswers, rounds: 5, warmup: true, guess: 15_000, saturation: 3 * time.Second, sized: 2 * time.Second, checked: 2 * time.Second, steady: 4 * time.Second,
		streamed: 1500 * time.Millisecond, connections: 32, callers: 2000, agents: []int{1, 1000, 10_000}, registrations: 100, background: 100,
	}
	brief = plan{
		scaled: splitAnswers, rounds: 1, short: true, guess: 5000, saturation: time.Second, sized: time.Second, checked: time.Second, steady: 1500 * time.Millisecond,
		streamed: 300 * time.Millisecond, connections: 32, callers: 50, agents: []int{20}, registrations: 5, background: 100,
	}
)

func main() {
	// The agent under load is this program too, in a process of its own so that its CPU time can be told apart.
	if len(os.Args) == 2 && os.Args[1] == agentCommand {
		if err := serveAgent(); err != nil {
			fail(err)
		}
		return
	}
	// So is the service that decides nothing.
	if len(os.Args) == 3 && os.Args[1] == floorCommand {
		if err := serveFloor(os.Args[2]); err != nil {
			fail(err)
		}
		return
	}
	short := flag.Bool("short", false, "measure briefly, to see that the tool works, and write nothing")
	only := flag.String("only", "", "measure one part alone: "+strings.Join(partNames(), ", "))
	shapes := flag.String("shapes", defaultShapes, "shapes of the governed request path that are driven, with commas between them")
	render := flag.Bool("render", false, "measure nothing: write figures, tables and chart anew from the raw results")
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
	chosen, err := choose(*only)
	if err == nil {
		p.shapes, err = readShapes(*shapes)
	}
	if err == nil && *render {
		err = renderAgain(at)
	} else if err == nil {
		err = execute(ctx, at, p, chosen, !*short)
	}
	if err != nil {
		stop()
		fail(err)
	}
}

// defaultShapes are those that are measured unless the caller names others.
const defaultShapes = "split,fused,split-answers,fused-answers"

// readShapes reads a list of shapes.
func readShapes(list string) ([]side, error) {
	var shapes []side
	for name := range strings.SplitSeq(list, ",") {
		if _, ok := shapeSettings[side(name)]; !ok {
			return nil, fmt.Errorf("there is no shape %q", name)
		}
		shapes = append(shapes, side(name))
	}
	return shapes, nil
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
	return at.publish(&r)
}

// execute measures parts and prints the figures; keep saves and publishes them too, beside what was measured before of
// other parts.
func execute(ctx context.Context, at places, p plan, chosen []part, keep bool) error {
	r, err := measure(ctx, at, p, chosen)
	if err != nil {
		return err
	}
	fmt.Print("\n", figuresText(summarize(&r)))
	if !keep {
		fmt.Println("\nA short run is no measurement: nothing was written.")
		return nil
	}
	if len(chosen) < len(parts) {
		earlier, err := loadResults(at.results)
		if err != nil {
			return err
		}
		earlier.replace(r)
		r = earlier
	}
	if err := r.save(at.results); err != nil {
		return err
	}
	return at.publish(&r)
}
