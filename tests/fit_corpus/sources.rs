//! Programs and libraries that several pairs are made of. Each program says `fits` when all is well.

use crate::program::{HELLO, Program, c, library, musl};

/// Needs nothing of any base.
pub(crate) fn alone() -> Program {
    musl(HELLO).with("-static")
}

/// Needs a symbol that came with glibc 2.39.
pub(crate) fn of_glibc_2_39() -> Program {
    // All of what the program needs: the linker takes no second library of that name.
    let newer = library(
        "int puts(const char *s) { return !s; }\nint __libc_start_main(void) { return 0; }\n\
         int pidfd_spawnp(void) { return 0; }\n",
    )
    .line("-nostdlib -Wl,-soname,libc.so.6")
    .versioned(
        "GLIBC_2.2.5 { puts; };\nGLIBC_2.34 { __libc_start_main; } GLIBC_2.2.5;\n\
         GLIBC_2.39 { pidfd_spawnp; } GLIBC_2.34;\n",
    );
    let source = "#include <stdio.h>\nextern int pidfd_spawnp(void);\n\
                  int main(int count, char **all) { (void)all; if (count > 9) pidfd_spawnp(); puts(\"fits\"); return 0; }\n";
    c(source).linked("newer.so", newer)
}

/// Needs `libssl.so.3` with the symbols of OpenSSL 3.0.
pub(crate) fn with_openssl() -> Program {
    of_openssl("OPENSSL_3.0.0 { OPENSSL_init_ssl; };\n")
}

/// Needs a version of `libssl.so.3` that nobody has.
pub(crate) fn with_newer_openssl() -> Program {
    of_openssl("OPENSSL_3.9.0 { OPENSSL_init_ssl; };\n")
}

fn of_openssl(versions: &'static str) -> Program {
    let ssl = library("int OPENSSL_init_ssl(void) { return 1; }\n")
        .with("-Wl,-soname,libssl.so.3")
        .versioned(versions);
    let source = "#include <stdio.h>\nextern int OPENSSL_init_ssl(unsigned long, const void *);\n\
                  int main(void) { if (OPENSSL_init_ssl(0, 0) != 1) return 1; puts(\"fits\"); return 0; }\n";
    c(source).linked("libssl.so.3", ssl)
}

/// A C library with the versions of 2.34, which does nothing.
pub(crate) fn old_glibc() -> Program {
    library("int puts(const char *s) { return !s; }\nint __libc_start_main(void) { return 0; }\n")
        .line("-nostdlib -Wl,-soname,libc.so.6")
        .versioned("GLIBC_2.2.5 { puts; };\nGLIBC_2.34 { __libc_start_main; } GLIBC_2.2.5;\n")
}

/// Packed relocations, which glibc knows from 2.36 on.
pub(crate) fn relr() -> Program {
    c(
        "#include <stdio.h>\nconst char *words[] = {\"fits\", \"fits\", \"fits\"};\n\
       int main(int count, char **all) { (void)all; puts(words[count - 1]); return 0; }\n",
    )
    .line("-O0 -fPIE -pie -Wl,-z,pack-relative-relocs")
}

/// The library `liba.so`, which needs `libb.so`.
pub(crate) fn liba() -> Program {
    library("extern int b(void);\nint a(void) { return b(); }\n").linked("libb.so", libb())
}

pub(crate) fn libb() -> Program {
    library("int b(void) { return 7; }\n").with("-Wl,-soname,libb.so")
}

const CALLS: &str = "#include <stdio.h>\nextern int a(void);\n\
                     int main(void) { if (a() != 7) return 1; puts(\"fits\"); return 0; }\n";

/// A program that needs `liba.so`, and looks for it as `argument` says.
pub(crate) fn calls(argument: &'static str) -> Program {
    c(CALLS)
        .linked("liba.so", liba())
        .beside("libb.so", libb())
        .line("-Wl,-rpath-link,.")
        .with(argument)
}

/// The same for musl.
pub(crate) fn calls_on_musl(argument: &'static str) -> Program {
    let libb = || musl("int b(void) { return 7; }\n").line("-shared -fPIC -Wl,-soname,libb.so");
    musl(CALLS)
        .linked("liba.so", liba_on_musl())
        .beside("libb.so", libb())
        .line("-Wl,-rpath-link,.")
        .with(argument)
}

pub(crate) fn liba_on_musl() -> Program {
    musl("extern int b(void);\nint a(void) { return b(); }\n")
        .line("-shared -fPIC -Wl,-soname,liba.so")
        .linked("libb.so", libb_on_musl())
}

pub(crate) fn libb_on_musl() -> Program {
    musl("int b(void) { return 7; }\n").line("-shared -fPIC -Wl,-soname,libb.so")
}

/// Needs a processor of level v3, and says so.
pub(crate) fn of_level_3() -> Program {
    c(HELLO).line("-march=x86-64-v3 -Wl,-z,x86-64-v3")
}

/// Makes `/data/file`.
pub(crate) fn writes_data() -> Program {
    writes("/data/file")
}

/// Makes a temporary file, as the tempfile crate does.
pub(crate) fn writes_tmp() -> Program {
    writes("/tmp/.tmpGantry")
}

fn writes(path: &'static str) -> Program {
    let argument = match path {
        "/data/file" => "-DFILE_PATH=\"/data/file\"",
        _ => "-DFILE_PATH=\"/tmp/.tmpGantry\"",
    };
    musl(
        "#include <fcntl.h>\n#include <stdio.h>\nint main(void) {\n\
         if (open(FILE_PATH, O_RDWR | O_CREAT | O_EXCL, 0600) < 0) { perror(FILE_PATH); return 1; }\n\
         puts(\"fits\"); return 0; }\n",
    )
    .with("-static")
    .with(argument)
}

/// Reads root certificates where rustls-native-certs does.
pub(crate) fn reads_certificates() -> Program {
    musl(
        "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n\
         const char *file = getenv(\"SSL_CERT_FILE\");\n\
         FILE *roots = fopen(file ? file : \"/etc/ssl/certs/ca-certificates.crt\", \"r\");\n\
         if (!roots || fgetc(roots) == EOF) { puts(\"no roots\"); return 1; }\n\
         puts(\"fits\"); return 0; }\n",
    )
    .with("-static")
}

/// Reads the zone that `TZ` names.
pub(crate) fn reads_zone() -> Program {
    musl(
        "#define _GNU_SOURCE\n#include <stdio.h>\n#include <time.h>\nint main(void) {\n\
         time_t now = 1700000000;\n\
         if (localtime(&now)->tm_gmtoff == 0) { puts(\"UTC\"); return 1; }\n\
         puts(\"fits\"); return 0; }\n",
    )
    .with("-static")
}

/// Static with glibc, looks up a host.
pub(crate) fn looks_up() -> Program {
    c("#include <netdb.h>\n#include <stdio.h>\nint main(void) {\n\
       struct addrinfo *found; int fault = getaddrinfo(\"me\", 0, 0, &found);\n\
       if (fault) { puts(gai_strerror(fault)); return 1; }\n\
       puts(\"fits\"); return 0; }\n")
    .with("-static")
}

/// Two system calls of ARM, in code that every ARM has, for the ABI without floating point.
pub(crate) const SOFT_FLOAT: &str = r#"
static int call(int number, int a, const char *b, int c) {
    register int r7 __asm__("r7") = number;
    register int r0 __asm__("r0") = a;
    register const char *r1 __asm__("r1") = b;
    register int r2 __asm__("r2") = c;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
    return r0;
}
void _start(void) {
    call(4, 1, "fits\n", 5);
    call(1, 0, 0, 0);
}
"#;
