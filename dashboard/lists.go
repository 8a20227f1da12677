package dashboard

import (
	"cmp"
	"context"
	"slices"
)

// How much of a list the page shows; the rest is in what can be downloaded.
const (
	mostRows    = 100
	mostStores  = 100 // of a held export
	mostFirst   = 10  // dead letters or rejects of a group
	mostClasses = 30
)

// MostWalked is how many dead letters, and how many rejects, are looked through for the page: of a million the rest would wait.
const MostWalked = 20_000

// lists is what the page lists for a session.
type lists struct {
	Held       []Held
	HeldMore   int64
	Groups     []DeadGroup
	GroupsMore int64
	Classes    []rejectClass // the largest first
	Wrong      string        // why some of them is missing
}

// rejectClass is the rejects of one class.
type rejectClass struct {
	Class string
	Words string // after their number: "with a wrong UPC"
	N     int64
	First []Reject
}

// More is how many there are that First lacks.
func (c rejectClass) More() int64 { return c.N - int64(len(c.First)) }

// readLists reads all of them, each as far as the page shows it.
func readLists(ctx context.Context, desk Desk) (l lists) {
	wrong := func(what string, err error) {
		if err != nil && l.Wrong == "" {
			l.Wrong = what + " cannot be read: " + err.Error()
		}
	}
	held, err := desk.Held(ctx)
	wrong("The held exports", err)
	l.Held, l.HeldMore = first(held, mostRows)
	groups, err := desk.DeadGroups(ctx)
	wrong("The refused updates", err)
	l.Groups, l.GroupsMore = first(groups, mostRows)
	l.Groups = slices.Clone(l.Groups)
	for i, g := range l.Groups {
		l.Groups[i].First, _ = first(g.First, mostFirst)
	}
	l.Classes, err = readClasses(ctx, desk)
	wrong("The rejected rows", err)
	if l.Wrong == "" && l.cut(groups) {
		l.Wrong = "Only the first " + Number(MostWalked) + " of a list are looked through here. What can be downloaded has all of them."
	}
	return l
}

// cut reports whether there may be more than was looked through.
func (l *lists) cut(groups []DeadGroup) bool {
	dead, rejects := int64(0), int64(0)
	for _, g := range groups {
		dead += g.N
	}
	for _, c := range l.Classes {
		rejects += c.N
	}
	return max(dead, rejects) >= MostWalked
}

// first is the beginning of a list, and how many are left out.
func first[T any](list []T, most int) ([]T, int64) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], int64(len(list) - most)
}

// readClasses groups the rejects by their class. Where there are too many classes, those that come late are one.
func readClasses(ctx context.Context, desk Desk) ([]rejectClass, error) {
	var list []rejectClass
	at := map[string]int{}
	walked := 0
	for r, err := range desk.Rejects(ctx) {
		if err != nil {
			return list, err
		}
		if walked++; walked > MostWalked {
			break
		}
		class := r.Class
		if _, known := at[class]; !known && len(list) >= mostClasses {
			class = ""
		}
		i, known := at[class]
		if !known {
			words := "for other reasons"
			if class != "" {
				words = desk.RejectWords(class)
			}
			i, at[class] = len(list), len(list)
			list = append(list, rejectClass{Class: class, Words: words})
		}
		list[i].N++
		if len(list[i].First) < mostFirst {
			list[i].First = append(list[i].First, r)
		}
	}
	slices.SortStableFunc(list, func(a, b rejectClass) int { return cmp.Compare(b.N, a.N) })
	return list, ctx.Err()
}
