//! Stripped by whatever program is here, with the debug information kept aside.
