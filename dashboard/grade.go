package dashboard

import "fmt"

var grades = [...]string{Stops: "stops", Needs: "needs", Waits: "waits", Notice: "notice", Well: "well"}

// String is the grade's word: stops, needs, waits, notice.
func (g Grade) String() string {
	if g < 0 || int(g) >= len(grades) {
		return fmt.Sprintf("Grade(%d)", int(g))
	}
	return grades[g]
}

// MarshalText makes the word of it.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads the word; one of a newer version is a notice.
func (g *Grade) UnmarshalText(text []byte) error {
	*g = Notice
	for i, word := range grades {
		if word == string(text) {
			*g = Grade(i)
		}
	}
	return nil
}
