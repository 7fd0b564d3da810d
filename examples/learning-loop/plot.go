package main

import (
	"fmt"
	"strings"
)

// The picture's dimensions, in pixels.
const (
	plotWidth, plotHeight          = 680, 360
	plotLeft, plotRight            = 56, 190
	plotTop, plotBottom            = 40, 44
	innerWidth                     = plotWidth - plotLeft - plotRight
	innerHeight                    = plotHeight - plotTop - plotBottom
	plotTicks                      = 5
	instantColor, fastColor, color = "#2b6cb0", "#c05621", "#2f855a"
	packetColor                    = "#805ad5"
)

// plot draws the accuracy of the three layers, and the savings of the codebook, day by day, as a self-contained SVG.
func plot(points []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui,sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="%d" y="24" font-size="14">Which package is this file of? Held-out accuracy after each day</text>
`, plotWidth, plotHeight, plotWidth, plotHeight, plotLeft)
	for i := range plotTicks + 1 {
		v := float64(i) / plotTicks
		fmt.Fprintf(&b, "<path d=\"M%d %.1fH%d\" stroke=\"#e2e8f0\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n",
			plotLeft, height(v), plotLeft+innerWidth, plotLeft-8, height(v)+4, v)
	}
	for i := range points {
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", across(i, len(points)), plotTop+innerHeight+20, i+1)
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">day</text>\n", plotLeft+innerWidth/2, plotHeight-8)
	series(&b, points, 0, "instant (index)", instantColor, func(p point) float64 { return p.instant })
	series(&b, points, 1, "fast (ring 0)", fastColor, func(p point) float64 { return p.fast })
	series(&b, points, 2, "consolidated (ring 1)", color, func(p point) float64 { return p.consolidated })
	series(&b, points, 3, "smaller packets", packetColor, func(p point) float64 { return p.smaller })
	b.WriteString("</svg>\n")
	return b.String()
}

func height(v float64) float64 { return plotTop + innerHeight*(1-v) }

func across(i, n int) float64 { return plotLeft + innerWidth*(float64(i)+0.5)/float64(n) }

// series draws one layer; days on which it has no value yet are left out.
func series(b *strings.Builder, points []point, row int, name, color string, value func(point) float64) {
	var line []string
	for i, p := range points {
		if v := value(p); v > 0 {
			line = append(line, fmt.Sprintf("%.1f,%.1f", across(i, len(points)), height(v)))
			fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"><title>%s, day %d: %.3f</title></circle>\n", across(i, len(points)), height(v), color, name, i+1, v)
		}
	}
	y := plotTop + 14 + row*22
	fmt.Fprintf(b, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", strings.Join(line, " "), color)
	fmt.Fprintf(b, "<path d=\"M%d %dh18\" stroke=\"%s\" stroke-width=\"3\"/><text x=\"%d\" y=\"%d\">%s</text>\n", plotWidth-plotRight+10, y-4, color, plotWidth-plotRight+34, y, name)
}
