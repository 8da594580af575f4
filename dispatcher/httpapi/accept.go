package httpapi

import (
	"mime"
	"strconv"
	"strings"
)

// mediaType returns which of the media types that are offered a header Accept prefers (RFC
// 9110, section 12.5.1), and the first of them if it takes none.
func mediaType(accept string, offers ...string) string {
	best, chosen := 0.0, offers[0]
	for wanted := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(wanted)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
				continue
			}
		}
		for _, offer := range offers {
			if q > best && covers(media, offer) {
				best, chosen = q, offer
			}
		}
	}
	return chosen
}

// covers reports whether a range of media types has one of them.
func covers(media, offer string) bool {
	kind, ok := strings.CutSuffix(media, "/*")
	return media == "*/*" || media == offer || ok && strings.HasPrefix(offer, kind+"/")
}
