package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ringfence.dev/ringfence/internal/a2a"
	"ringfence.dev/ringfence/internal/inspect"
	"ringfence.dev/ringfence/internal/inspect/recall"
	"ringfence.dev/ringfence/tests/detect/pressure"
)

const (
	// inspectedBytes is the length of ordinary texts, pressedBytes that of texts that cost most.
	inspectedBytes = 2 << 10
	pressedBytes   = 64 << 10
	// rememberedBytes is the memory of the scans that are answered from it.
	rememberedBytes = 16 << 20
)

// inspecting is how long content rules take.
type inspecting struct {
	// Benign is the median time of one scan over ordinary texts of 2 KiB in each round, in microseconds, and Slowest that of
	// the slowest of them. Parts is the same as eight parts.
	Benign  []float64 `json:"benignMicros"`
	Slowest []float64 `json:"slowestMicros"`
	Parts   []float64 `json:"partsMicros"`
	// Remembered is that of one scan that is answered from memory.
	Remembered []float64 `json:"rememberedMicros"`
	// Pressed is that of texts of 64 KiB that press on one part of the engine each, or on two, by part, and of messages of many
	// short ones, in milliseconds.
	Pressed map[string][]float64 `json:"pressedMillis"`
	// Allocations is what one scan of an ordinary text in which nothing is found allocates.
	Allocations float64 `json:"allocations"`
	Texts       int     `json:"texts"`
}

// ordinary returns texts of 2 KiB made of the benign sets of the repository, each of texts that stand behind one another
// there, and of a kind.
func ordinary(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "tests", "detect", "sets", "prose-benign.jsonl"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("inspecting: no benign sets: %w", err)
	}
	var texts []string
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("inspecting: %w", err)
		}
		defer file.Close()
		var text strings.Builder
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var one struct{ Text string }
			if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
				return nil, fmt.Errorf("inspecting %s: %w", filepath.Base(name), err)
			}
			text.WriteString(one.Text + "\n\n")
			if text.Len() >= inspectedBytes {
				texts = append(texts, strings.ToValidUTF8(text.String()[:inspectedBytes], ""))
				text.Reset()
			}
		}
	}
	return texts, nil
}

// fewTexts is how many texts, and how many of those that press, a short run scans.
const fewTexts = 5

// inspects times scans. It runs alone, before anything else is started.
func inspects(root string, rounds int, short bool) (inspecting, error) {
	set, err := inspect.Load(inspect.Builtin())
	if err != nil {
		return inspecting{}, fmt.Errorf("inspecting: %w", err)
	}
	texts, err := ordinary(root)
	if err != nil {
		return inspecting{}, err
	}
	memory, err := recall.New(set, rememberedBytes)
	if err != nil {
		return inspecting{}, fmt.Errorf("inspecting: %w", err)
	}
	defer memory.Close()
	units, messages := append(pressure.Units(), pressure.Pairs()...), pressure.Messages()
	if short {
		texts, units, messages = texts[:min(fewTexts, len(texts))], units[:min(fewTexts, len(units))], nil
	}
	done := inspecting{Pressed: map[string][]float64{}, Texts: len(texts)}
	runtime.GC()
	clean := -1
	for range rounds {
		var whole, parts []float64
		for i, text := range texts {
			one := []a2a.Text{{Value: text, Kind: a2a.KindText}}
			if clean < 0 && len(set.Scan(one, response)) == 0 {
				clean = i
			}
			whole = append(whole, few(func() { set.Scan(one, response) }))
			eight := cut(text)
			parts = append(parts, few(func() { set.Scan(eight, response) }))
		}
		done.Benign, done.Slowest = append(done.Benign, median(whole)), append(done.Slowest, quantile(whole, 1))
		done.Parts = append(done.Parts, median(parts))
		one := []a2a.Text{{Value: texts[0], Kind: a2a.KindText}}
		done.Remembered = append(done.Remembered, timePass(func() { memory.Scan(one, response) }))
		for _, unit := range units {
			pressed := []a2a.Text{{Value: unit.Text(pressedBytes), Kind: a2a.KindText}}
			done.Pressed[unit.Name] = append(done.Pressed[unit.Name], few(func() { set.Scan(pressed, response) })/1e3)
		}
		for _, message := range messages {
			pressed := message.Texts(pressedBytes)
			done.Pressed[message.Name] = append(done.Pressed[message.Name], few(func() { set.Scan(pressed, response) })/1e3)
		}
	}
	if clean >= 0 {
		one := []a2a.Text{{Value: texts[clean], Kind: a2a.KindText}}
		done.Allocations = testing.AllocsPerRun(200, func() { set.Scan(one, response) })
	}
	return done, nil
}

var response = inspect.Options{Direction: inspect.Response}

// cut returns a text as eight parts.
func cut(text string) []a2a.Text {
	const parts = 8
	list := make([]a2a.Text, parts)
	for i := range list {
		list[i] = a2a.Text{Value: text[len(text)*i/parts : len(text)*(i+1)/parts], Kind: a2a.KindText}
	}
	return list
}

// fewPasses is of how many calls few takes the median.
const fewPasses = 9

// few returns the median time of a few calls in microseconds.
func few(pass func()) float64 {
	times := make([]float64, fewPasses)
	for i := range times {
		began := time.Now()
		pass()
		times[i] = float64(time.Since(began).Nanoseconds()) / 1e3
	}
	return median(times)
}

// inspectingFigures are those of content rules.
func inspectingFigures(i inspecting) []figure {
	worst := 0.0
	for _, times := range i.Pressed {
		worst = max(worst, median(times))
	}
	return []figure{
		newFigure("inspecting-2kb-p50", median(i.Benign), "µs").below(mostInspecting),
		newFigure("inspecting-2kb-slowest", median(i.Slowest), "µs"),
		newFigure("inspecting-2kb-eight-parts-p50", median(i.Parts), "µs"),
		newFigure("inspecting-2kb-remembered", median(i.Remembered), "µs").below(mostRemembered),
		newFigure("inspecting-2kb-allocations", i.Allocations, "allocations").exactly(0),
		newFigure("inspecting-64kb-worst", worst, "ms").below(mostPressed),
	}
}
