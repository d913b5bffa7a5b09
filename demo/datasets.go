package demo

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// dataset is one upload of the demo: files of a Debian package and what a
// scientist would write about them. Field names are those of the upload form.
type dataset struct {
	Package string   // the Debian package
	Files   []string // globs; files that end in .gz are unpacked
	Folder  string   // the name of the torrent
	Fields  map[string]string
}

const (
	bowtie = "/usr/share/doc/bowtie2/examples/"
	sbml   = "/usr/share/doc/libsbml5-examples/examples/sample-models/"
	hmmer  = "/usr/share/doc/hmmer/examples/tutorial/"
	sam    = "/usr/share/samtools/test/"
)

func fields(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// datasets returns what the demo uploads, in this order.
func datasets() []dataset {
	return []dataset{
		{"bowtie2-examples", []string{bowtie + "reference/lambda_virus.fa.gz"}, "lambda-phage-reference", fields(
			"category", "sequences", "title", "Enterobacteria phage lambda, complete genome", "subject", "Escherichia phage Lambda",
			"object", "cI857", "year", "1982", "workgroup", "Sanger Group, MRC Laboratory of Molecular Biology", "location", "Cambridge, United Kingdom",
			"identifier", "NC_001416.1", "creators", "Sanger F\nCoulson AR\nHong GF\nHill DF\nPetersen GB", "literature", "10.1016/0022-2836(82)90546-0",
			"tags", "lambda, phage, virus, genome, reference", "license", "Public Domain", "platform", "Sanger", "format", "FASTA", "archive", "None", "scope", "Genome",
			"version", "1.0.0", "annotated", "",
			"description", "The **48,502 bp** linear double-stranded genome of bacteriophage lambda, the reference against which the simulated reads of the Bowtie 2 examples are aligned.\n\n- one FASTA record, `gi|9626243`\n- suitable for testing aligners and for teaching",
			"torrent_description", "Unpacked from the examples of Debian's bowtie2 package.")},
		{"bowtie2-examples", []string{bowtie + "reads/reads_1.fq.gz", bowtie + "reads/reads_2.fq.gz"}, "lambda-phage-paired-reads", fields(
			"category", "machineData", "title", "Simulated paired-end short reads of phage lambda", "subject", "Escherichia phage Lambda",
			"year", "2012", "workgroup", "Langmead Lab, Johns Hopkins University", "location", "Baltimore, United States",
			"creators", "Langmead B\nSalzberg SL", "literature", "10.1038/nmeth.1923",
			"tags", "lambda, phage, reads, simulated, paired.end", "license", "GNU GPL", "platform", "Illumina HiSeq", "format", "FASTQ", "archive", "None", "scope", "Genome",
			"description", "10,000 read pairs simulated from the lambda genome with sequencing errors and Phred qualities, as shipped with the Bowtie 2 aligner. File 1 holds the first mates, file 2 the second mates.",
			"torrent_description", "Align with `bowtie2 -x lambda_virus -1 reads_1.fq -2 reads_2.fq`.")},
		{"libsbml5-examples", []string{sbml + "from-spec/level-3/*.xml"}, "sbml-level-3-models", fields(
			"category", "models", "title", "SBML Level 3 reference models from the specification", "subject", "Saccharomyces cerevisiae",
			"year", "2010", "workgroup", "SBML Team", "location", "California Institute of Technology",
			"creators", "Hucka M\nBergmann FT\nKeating SM\nSmith LP", "literature", "10.1515/jib-2017-0081",
			"tags", "sbml, kinetics, reaction.networks, systems.biology, xml", "license", "GNU LGPL", "platform", "R", "format", "SBML", "archive", "None", "scope", "Element",
			"description", "Small complete models that each show one construct of the Systems Biology Markup Language, Level 3: *algebraic rules*, *delays*, *events*, *enzyme kinetics*, *conversion factors* and more.",
			"torrent_description", "One model to a file; every file validates.")},
		{"hmmer-examples", []string{hmmer + "*.hmm", hmmer + "*.sto"}, "hmmer-tutorial-profiles", fields(
			"category", "patterns", "title", "Profile hidden Markov models of globins, kinases and fn3 domains", "subject", "Metazoa",
			"year", "2015", "workgroup", "Eddy Lab, Harvard University", "location", "Cambridge, United States",
			"creators", "Eddy SR\nWheeler TJ", "literature", "10.1371/journal.pcbi.1002195",
			"tags", "hmm, protein, domains, alignment, pfam", "license", "BSD-3", "platform", "R", "format", "HMMER profile", "archive", "None", "scope", "Proteome", "annotated", "1",
			"description", "Profile HMMs and the Stockholm alignments that they were built from: four globins, the protein kinase domain, fibronectin type III, and the MADE1 transposable element.",
			"torrent_description", "Search with `hmmsearch` of HMMER 3.")},
		{"samtools-test", []string{sam + "mpileup/ce.fa", sam + "mpileup/ce#large_seq.bam"}, "c-elegans-pileup", fields(
			"category", "sequences", "title", "Caenorhabditis elegans chromosomes with an alignment for pileup", "subject", "Caenorhabditis elegans", "object", "Bristol N2",
			"year", "2014", "workgroup", "Wellcome Sanger Institute", "location", "Hinxton, United Kingdom",
			"creators", "Li H\nBonfield J\nDanecek P", "literature", "10.1093/bioinformatics/btp352",
			"tags", "elegans, nematode, bam, pileup, variants", "license", "MIT", "platform", "Illumina HiSeq", "format", "BAM", "archive", "None", "scope", "Chromosome",
			"description", "A reference of one megabase and an aligned read set, small enough to step through every column of a pileup by hand.",
			"torrent_description", "From the tests of samtools.")},
		{"bowtie2-examples", []string{bowtie + "reads/longreads.fq.gz"}, "lambda-phage-long-reads", fields(
			"category", "machineData", "title", "Simulated long reads of phage lambda", "subject", "Escherichia phage Lambda",
			"year", "2012", "workgroup", "Langmead Lab, Johns Hopkins University", "location", "Baltimore, United States",
			"creators", "Langmead B", "literature", "10.1038/nmeth.1923",
			"tags", "lambda, phage, reads, simulated, long.reads", "license", "GNU GPL", "platform", "PacBio", "format", "FASTQ", "archive", "None", "scope", "Genome",
			"description", "6,000 unpaired reads of varying length from the lambda genome, for local alignment.",
			"torrent_description", "Align with `bowtie2 --local`.")},
		{"libsbml5-examples", []string{sbml + "multi/*.xml"}, "yeast-mapk-multistate", fields(
			"category", "graphs", "title", "Rule-based models of yeast MAPK signalling and E-cadherin", "subject", "Saccharomyces cerevisiae",
			"year", "2017", "workgroup", "SBML Multi working group", "location", "National Institutes of Health",
			"creators", "Zhang F\nMeier-Schellersheim M", "literature", "10.2390/biecoll-jib-2015-268",
			"tags", "sbml, mapk, yeast, signalling, rules", "license", "GNU LGPL", "platform", "Cytoscape", "format", "SBML", "archive", "None", "scope", "Element",
			"description", "Multistate and multicomponent species in SBML: the mitogen-activated protein kinase cascade of budding yeast, and clustering of E-cadherin.",
			"torrent_description", "SBML Level 3, package *multi*.")},
		{"bowtie2-examples", []string{bowtie + "reads/combined_reads.bam.gz"}, "lambda-phage-combined-bam", fields(
			"category", "sequences", "title", "Simulated reads of phage lambda in one unaligned BAM", "subject", "Escherichia phage Lambda",
			"year", "2012", "workgroup", "Langmead Lab, Johns Hopkins University", "location", "Baltimore, United States",
			"creators", "Langmead B", "literature", "10.1093/bioinformatics/bty648",
			"tags", "lambda, phage, reads, simulated, bam", "license", "GNU GPL", "platform", "Illumina HiSeq", "format", "BAM", "archive", "None", "scope", "Genome",
			"description", "All read pairs of the Bowtie 2 examples in a single unaligned BAM file.",
			"torrent_description", "Read with `bowtie2 -b`.")},
	}
}

// errNoData says which packages to install.
func errNoData(missing []string) error {
	return fmt.Errorf("the demo shares real datasets from Debian packages that are not installed; run: apt-get install %s", strings.Join(missing, " "))
}

// missing returns the packages of datasets whose files are not there.
func missing(sets []dataset) []string {
	seen := map[string]bool{}
	var out []string
	for _, d := range sets {
		if paths, err := d.paths(); (err != nil || len(paths) == 0) && !seen[d.Package] {
			seen[d.Package] = true
			out = append(out, d.Package)
		}
	}
	return out
}

func (d dataset) paths() ([]string, error) {
	var out []string
	for _, g := range d.Files {
		m, err := filepath.Glob(g)
		if err != nil {
			return nil, err
		}
		out = append(out, m...)
	}
	return out, nil
}

// stage copies the files into dir/Folder and returns that folder.
func (d dataset) stage(dir string) (string, error) {
	target := filepath.Join(dir, d.Folder)
	if err := os.MkdirAll(target, 0o750); err != nil {
		return "", err
	}
	paths, err := d.paths()
	if err != nil {
		return "", err
	}
	for _, p := range paths {
		if err := copyFile(p, target); err != nil {
			return "", fmt.Errorf("stage %s: %w", p, err)
		}
	}
	return target, nil
}

// copyFile copies a file into dir, unpacked if its name ends in .gz.
func copyFile(path, dir string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var r io.Reader = in
	name := filepath.Base(path)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		r, name = io.LimitReader(z, 1<<30), strings.TrimSuffix(name, ".gz")
	}
	out, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fs.FileMode(0o640))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	return errors.Join(err, out.Close())
}
