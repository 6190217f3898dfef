#!/usr/bin/perl
# What `make image-check` has in the place of privatemode-proxy: one file that needs no more than
# perl-base, takes the same options, and answers each request with a list of no models.
use strict;
use warnings;
use IO::Socket::INET;

my %options = map { /^--([a-z]+)=(.+)$/ ? ($1 => $2) : die "usage: --port=N --workspace=DIR\n" } @ARGV;
$SIG{INT} = sub { exit 0 };
open(my $note, '>', "$options{workspace}/started") or die "workspace: $!\n";
close($note) or die "workspace: $!\n";
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $options{port}, Listen => 16, ReuseAddr => 1)
    or die "port: $!\n";
my $body = '{"object":"list","data":[]}';
while (my $client = $listener->accept()) {
	while (defined(my $line = <$client>)) {
		last if $line eq "\r\n";
	}
	print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", length($body),
	    "\r\nConnection: close\r\n\r\n$body";
	close($client);
}
