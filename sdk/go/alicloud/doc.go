// Custom images of Alibaba Cloud's Elastic Compute Service, natively.
package alicloud
