package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence.dev/ringfence/tests/bench/chart"
)

// drawn are the texts of a document and the widths of its rectangles but the ground.
func drawn(t *testing.T, document []byte) (texts, widths []string) {
	t.Helper()
	inText := false
	for decoder := xml.NewDecoder(strings.NewReader(string(document))); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts, widths[1:]
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			for _, a := range token.Attr {
				if token.Name.Local == "rect" && a.Name.Local == "width" {
					widths = append(widths, a.Value)
				}
			}
		case xml.CharData:
			if inText {
				texts = append(texts, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name          string
		chart         chart.Chart
		texts, widths []string
	}{
		{"empty", chart.Chart{Panels: []chart.Panel{{Title: "no bars"}}}, nil, []string{}},
		{"scaled-by-the-longest", chart.Chart{Panels: []chart.Panel{{Title: "T", Bars: []chart.Bar{
			{Name: "a & b", Segments: []chart.Segment{{Kind: "k", Value: 10}}},
			{Name: "<half>", Segments: []chart.Segment{{Kind: "k", Value: 5}}},
		}}}}, []string{"T", "a & b", "10.0", "<half>", "5.00"}, []string{"540", "270"}},
		{"scaled-by-a-mark", chart.Chart{Panels: []chart.Panel{{Title: "T", Bars: []chart.Bar{
			{Name: "a", Segments: []chart.Segment{{Kind: "k", Value: 0.1}}, Mark: 0.4},
		}}}}, []string{"T", "a", "0.100"}, []string{"135"}},
		{"segments-have-a-legend", chart.Chart{Panels: []chart.Panel{{Title: "T", Bars: []chart.Bar{
			{Name: "a", Segments: []chart.Segment{{Kind: "k", Value: 150}, {Kind: "l", Value: 50}}},
		}}}}, []string{"T", "a", "200", "k", "l"}, []string{"405", "135", "12", "12"}},
		{"nothing-measured", chart.Chart{Panels: []chart.Panel{{Title: "T", Bars: []chart.Bar{
			{Name: "a", Segments: []chart.Segment{{Kind: "k"}}},
		}}}}, []string{"T", "a", "0"}, []string{"0"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			texts, widths := drawn(t, c.chart.SVG())
			if diff := cmp.Diff(c.texts, texts); diff != "" {
				t.Errorf("texts (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.widths, widths); diff != "" {
				t.Errorf("widths (-want +got)\n%s", diff)
			}
		})
	}
}
