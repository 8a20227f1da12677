package export

import "io"

func (r *rules) openXML(text io.Reader, set charset) (*Rows, error) {
	return nil, &Refused{Code: RefusedContent, Reason: "the export is XML; that is not available yet: let the POS export CSV"}
}
