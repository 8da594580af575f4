package deliverylog

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// The media types of exports.
const (
	CSV    = "text/csv"
	NDJSON = "application/x-ndjson"
)

const (
	// exportBuffer is what is written at once.
	exportBuffer = 32 << 10
	// exportTimeout bounds such a write, to a client that does not read.
	exportTimeout = 30 * time.Second
)

// Export answers with deliveries as a file of a name without its ending: as CSV with a
// header, or as a Row in JSON for each line (NDJSON). It reports whether the answer has
// begun, and what error the deliveries ended with, or w. An answer that has begun must then
// be broken off, with http.ErrAbortHandler: the client must not take it for all there is.
func Export(w http.ResponseWriter, format, name string, deliveries iter.Seq2[webhook.Delivery, error]) (began bool, err error) {
	control := http.NewResponseController(w)
	lastAsLongAsNeeded(control)
	file := exportFile{w: w, out: bufio.NewWriterSize(&timedWriter{w, control}, exportBuffer), csv: format == CSV, name: name}
	for d, err := range deliveries {
		if err == nil {
			err = file.row(RowOf(&d))
		}
		if err != nil {
			// What was read before goes out, so that it is not lost too.
			return file.began, errors.Join(err, file.flush())
		}
	}
	file.begin()
	return true, file.flush()
}

// exportFile writes rows.
type exportFile struct {
	w     http.ResponseWriter
	out   *bufio.Writer
	csv   bool
	name  string
	began bool
	buf   []byte
}

// begin writes what comes before the first row.
func (f *exportFile) begin() {
	if f.began {
		return
	}
	f.began = true
	header := f.w.Header()
	media, ending := NDJSON, ".ndjson"
	if f.csv {
		media, ending = CSV+"; charset=utf-8; header=present", ".csv"
	}
	header.Set("Content-Type", media)
	header.Set("Content-Disposition", `attachment; filename="`+f.name+ending+`"`)
	header.Set("Cache-Control", "no-store")
	f.w.WriteHeader(http.StatusOK)
	if f.csv {
		_, _ = io.WriteString(f.out, columns) // an error comes again with the next write
	}
}

func (f *exportFile) row(r Row) error {
	f.begin()
	f.buf = f.buf[:0]
	if f.csv {
		f.buf = r.appendCSV(f.buf)
	} else {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		f.buf = append(append(f.buf, line...), '\n')
	}
	_, err := f.out.Write(f.buf)
	return err
}

func (f *exportFile) flush() error {
	if !f.began {
		return nil
	}
	if err := f.out.Flush(); err != nil {
		return err
	}
	if err := http.NewResponseController(f.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// timedWriter gives each write its time.
type timedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (t *timedWriter) Write(b []byte) (int, error) {
	if err := t.control.SetWriteDeadline(clock.Now().Add(exportTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return t.w.Write(b)
}
