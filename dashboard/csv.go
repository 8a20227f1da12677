package dashboard

import (
	"encoding/csv"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// deadCSV gives all dead letters as a file.
func (p *Page) deadCSV(w http.ResponseWriter, r *http.Request, _ *session) {
	desk, done := p.walk(w)
	if desk == nil {
		return
	}
	defer done()
	head := []string{"kind", "upc", "sku", "size", "width", "store", "quantity", "status", "words", "at", "next", "source", "export", "line"}
	download(w, r, "dead.csv", head, desk.Dead(r.Context()), func(d Dead) []string {
		row := []string{d.Kind, d.UPC, d.SKU, d.Size, d.Width, d.Store, "", "", d.Words, "", "", d.Source, d.Export, ""}
		for i := range row {
			row[i] = Defuse(row[i])
		}
		row[6], row[7] = strconv.FormatInt(d.Quantity, 10), strconv.Itoa(d.Status)
		row[9], row[10], row[13] = moment(d.At), moment(d.Next), line(d.Line)
		return row
	})
}

// rejectsCSV gives all listed rejects as a file; the cells of a row are at its end.
func (p *Page) rejectsCSV(w http.ResponseWriter, r *http.Request, _ *session) {
	desk, done := p.walk(w)
	if desk == nil {
		return
	}
	defer done()
	head := []string{"source", "export", "line", "class", "why", "at", "row"}
	download(w, r, "rejects.csv", head, desk.Rejects(r.Context()), func(x Reject) []string {
		row := append([]string{x.Source, x.Export, "", x.Class, x.Why, ""}, x.Row...)
		for i := range row {
			row[i] = Defuse(row[i])
		}
		row[2], row[5] = line(x.Line), moment(x.At)
		return row
	})
}

// walk begins a long list: at most two are read at a time, so that nobody keeps the outbox from its work. A desk that is nil
// means that the answer is given; else done is to be called.
func (p *Page) walk(w http.ResponseWriter) (desk Desk, done func()) {
	if desk = p.desk(); desk == nil {
		w.Header().Set("Retry-After", "60")
		p.note(w, http.StatusServiceUnavailable, "No agent works at the moment", "Try again in a minute.")
		return nil, nil
	}
	select {
	case p.walks <- struct{}{}:
		return desk, func() { <-p.walks }
	default:
		w.Header().Set("Retry-After", "10")
		p.note(w, http.StatusServiceUnavailable, "Others read long lists at the moment", "Try again in a few seconds.")
		return nil, nil
	}
}

// download writes a list as a file, as it comes. A list that breaks off breaks the download off, so that nobody takes a part for
// the whole.
func download[T any](w http.ResponseWriter, r *http.Request, name string, head []string, list iter.Seq2[T, error], row func(T) []string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="tillpost-`+name+`"`)
	if r.Method == http.MethodHead {
		return
	}
	to := http.NewResponseController(w)
	within := func() { _ = to.SetWriteDeadline(time.Now().Add(writeWithin)) }
	within()
	_, err := io.WriteString(w, "\uFEFF") // by which spreadsheets know UTF-8
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err == nil {
		err = out.Write(head)
	}
	n := 0
	for item, wrong := range list {
		if err == nil {
			err = wrong
		}
		if err != nil {
			break
		}
		if n++; n%1000 == 0 {
			within()
		}
		err = out.Write(row(item))
	}
	out.Flush()
	if err != nil || out.Error() != nil || r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// Defuse makes a cell harmless that a spreadsheet would take for a formula, or a terminal for a command. One of another country
// parts the cells at another character: what follows any of them begins a cell too.
func Defuse(cell string) string {
	var b strings.Builder
	begins := true
	for _, c := range cell {
		if begins && strings.ContainsRune("=+-@\t\r", c) {
			b.WriteByte('\'')
		}
		begins = strings.ContainsRune(";,|\t\n\r", c)
		if unicode.IsControl(c) && c != '\t' && c != '\n' && c != '\r' {
			c = unicode.ReplacementChar
		}
		b.WriteRune(c)
	}
	return b.String()
}

// moment is a time as a spreadsheet reads it; zero is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// line is the number of a line; 0 is empty.
func line(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
