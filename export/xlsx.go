package export

import "io"

func (r *rules) openWorkbook(src io.Reader) (*Rows, error) {
	return nil, &Refused{Code: RefusedContent, Reason: "the export is an Excel workbook (xlsx), not text" + asCSV}
}
