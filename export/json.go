package export

import "io"

func (r *rules) openJSON(text io.Reader, format string) (*Rows, error) {
	return nil, &Refused{Code: RefusedContent, Reason: "the export is JSON; that is not available yet: let the POS export CSV"}
}
