// Package chart draws bars as SVG.
package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
)

// Segment is a piece of a bar: so much of a kind, which has one colour in the whole chart.
type Segment struct {
	Kind  string
	Value float64
}

// Bar is a line of a panel. Its segments follow each other. Mark is a value to which it is held; 0 has none.
type Bar struct {
	Name     string
	Segments []Segment
	Mark     float64
}

// total is the sum of a bar's segments.
func (b Bar) total() float64 {
	sum := 0.0
	for _, s := range b.Segments {
		sum += max(0, s.Value)
	}
	return sum
}

// Panel is a group of bars of one scale.
type Panel struct {
	Title string
	Bars  []Bar
}

// Chart is panels above each other. Panels without bars are left out.
type Chart struct {
	Panels []Panel
}

// The measures of a chart in pixels.
const (
	width      = 860
	left       = 230
	right      = 90
	barHeight  = 16
	barPitch   = 22
	titleSpace = 34
	legend     = 26
	margin     = 16
)

// colours are told apart with common kinds of colour blindness too, on light ground and on dark.
var colours = []string{"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"}

// SVG returns the chart as a document. The same chart gives the same bytes.
func (c Chart) SVG() []byte {
	var body bytes.Buffer
	y, colour := margin, map[string]string{}
	for _, p := range c.Panels {
		for _, kind := range p.kinds() {
			if colour[kind] == "" {
				colour[kind] = colours[len(colour)%len(colours)]
			}
		}
		if len(p.Bars) > 0 {
			y = p.draw(&body, colour, y) + margin
		}
	}
	var all bytes.Buffer
	fmt.Fprintf(&all, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", width, y)
	fmt.Fprintf(&all, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, y)
	all.Write(body.Bytes())
	all.WriteString("</svg>\n")
	return all.Bytes()
}

// kinds returns those of a panel in the order in which they first stand there.
func (p Panel) kinds() []string {
	var list []string
	seen := map[string]bool{}
	for _, b := range p.Bars {
		for _, s := range b.Segments {
			if !seen[s.Kind] {
				seen[s.Kind] = true
				list = append(list, s.Kind)
			}
		}
	}
	return list
}

// draw draws the panel from y on, with a colour for each kind, and returns where it ends.
func (p Panel) draw(b *bytes.Buffer, colour map[string]string, y int) int {
	text(b, margin, y+14, "start", "bold", p.Title)
	y += titleSpace
	most := 0.0
	for _, bar := range p.Bars {
		most = max(most, bar.total(), bar.Mark)
	}
	if most == 0 {
		most = 1
	}
	scale := float64(width-left-right) / most
	for _, bar := range p.Bars {
		text(b, left-8, y+12, "end", "normal", bar.Name)
		x := float64(left)
		for _, s := range bar.Segments {
			wide := max(0, s.Value) * scale
			fmt.Fprintf(b, `<rect x="%s" y="%d" width="%s" height="%d" fill="%s"/>`+"\n", pixels(x), y, pixels(wide), barHeight, colour[s.Kind])
			x += wide
		}
		if bar.Mark > 0 {
			at := pixels(left + bar.Mark*scale)
			fmt.Fprintf(b, `<line x1="%s" y1="%d" x2="%[1]s" y2="%d" stroke="#000000" stroke-width="2" stroke-dasharray="3 2"/>`+"\n", at, y-2, y+barHeight+2)
			x = max(x, left+bar.Mark*scale)
		}
		text(b, int(math.Round(x))+6, y+12, "start", "normal", Number(bar.total()))
		y += barPitch
	}
	if kinds := p.kinds(); len(kinds) > 1 {
		x := left
		for _, kind := range kinds {
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/>`+"\n", x, y+6, colour[kind])
			text(b, x+18, y+16, "start", "normal", kind)
			x += 40 + 8*len(kind)
		}
		y += legend
	}
	return y
}

func text(b *bytes.Buffer, x, y int, anchor, weight, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" font-weight="%s" fill="#222222">`, x, y, anchor, weight)
	_ = xml.EscapeText(b, []byte(s)) // into memory
	b.WriteString("</text>\n")
}

func pixels(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// Number returns a value to three significant digits, without an exponent.
func Number(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', digits, 64)
}
