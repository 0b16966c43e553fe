package bridge

// Status is a status code of dns01_plugin.h.
type Status int32

// The codes, as in the header.
const (
	OK           Status = 0
	Transient    Status = 100
	RateLimited  Status = 101
	Cancelled    Status = 102
	Permanent    Status = 200
	Auth         Status = 201
	ZoneNotFound Status = 202
	Config       Status = 203
	Unsupported  Status = 204
	Internal     Status = 300
)

// Outcome is what became of one record.
type Outcome struct {
	Status  Status
	Message string
	// NativeCode is the HTTP status, 0 if there was none.
	NativeCode int
	// NoChange says that it already was so.
	NoChange bool
}

// Level is a log level of dns01_plugin.h.
type Level int32

// The levels, as in the header.
const (
	LevelError Level = 1
	LevelWarn  Level = 2
	LevelInfo  Level = 3
	LevelDebug Level = 4
)

// KindDNS01 and KindCanary are the kinds of records that lego can write, as in the header.
const (
	KindDNS01  = 0
	KindCanary = 3
)

// Record is a TXT record to publish or to remove.
type Record struct {
	FQDN             string
	Value            string
	Identifier       string
	Token            string
	KeyAuthorization string
	Kind             uint32
}
