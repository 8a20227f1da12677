package export

import "io"

func (r *rules) openFixed(text io.Reader, set charset) (*Rows, error) {
	return nil, &Refused{Code: RefusedContent, Reason: "the export is in fixed width; that is not available yet: let the POS export CSV"}
}
