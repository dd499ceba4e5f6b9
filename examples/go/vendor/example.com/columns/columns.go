// Package columns lines up words of several rows, one below the other.
package columns

import "strings"

// Lined gives each row as a line whose words begin where those of the other rows do.
func Lined(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for at, word := range row {
			if at == len(widths) {
				widths = append(widths, 0)
			}
			widths[at] = max(widths[at], len(word))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var line strings.Builder
		for at, word := range row {
			line.WriteString(word + strings.Repeat(" ", widths[at]-len(word)+2))
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}
